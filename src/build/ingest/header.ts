import { error } from '../../errors/index.js';
import { type CsvRecord, isReject } from './records.js';
import type { Source } from './sources.js';

/**
 * Where each column of the source stands in the file. Columns may come in any order; a missing, renamed, doubled or added one
 * refuses the file. Errors: `file-refused`.
 */
export const headerOrder = (file: string, source: Source, header: CsvRecord | undefined, raw: string): number[] => {
  const wanted = `the header must name ${source.columns.join(',')}`;
  const refused = (why: string) => error('file-refused', { file, why, way: wanted });
  const found = header && !isReject(header) ? header.fields : raw.split(',').map((name) => name.replaceAll('"', ''));
  const missing = source.columns.filter((name) => !found.includes(name));
  const added = found.filter((name) => !source.columns.includes(name));
  const shown = (names: readonly string[]) => names.map((name) => JSON.stringify(name.slice(0, 60))).join(', ');
  if (missing.length > 0) {
    const semicolons = raw.includes(';') && !raw.includes(',') ? '; fields must be separated by commas' : '';
    const instead = added.length > 0 ? ` (found instead: ${shown(added.slice(0, 10))})` : '';
    throw refused(`the column ${shown(missing)} is missing${instead}${semicolons}`);
  }
  if (added.length > 0) throw refused(`the column ${shown(added.slice(0, 10))} is not one of ${source.name}`);
  if (!header || isReject(header) || new Set(found).size !== found.length)
    throw refused('its header is not one record with each name once');
  return source.columns.map((name) => found.indexOf(name));
};
