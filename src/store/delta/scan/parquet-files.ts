import { literal } from '../format/schema.js';

/** Lists up to this length stand as they are; longer ones come as one text, which the engine parses much faster. */
const FEW = 64;
const SEPARATOR = '\n';

/**
 * A file's name as the engine takes it literally: it reads `*`, `?` and `[` as patterns, and would give rows of other files.
 */
export const exactName = (location: string): string => location.replaceAll(/[*?[]/g, '[$&]');

/** The files of `read_parquet` as an SQL expression, in this order: `file_index` counts along it. */
export const parquetFiles = (locations: readonly string[]): string => {
  const names = locations.map(exactName);
  if (names.length <= FEW || names.some((name) => name.includes(SEPARATOR)))
    return `[${names.map(literal).join(', ')}]`;
  return `string_split(${literal(names.join(SEPARATOR))}, ${literal(SEPARATOR)})`;
};
