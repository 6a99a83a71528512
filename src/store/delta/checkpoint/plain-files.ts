import { isRecord } from '../format/fields.js';
import { checkPath } from '../format/paths.js';
import type { AddFile, PartitionValues } from '../types.js';

/** Between the fields of a file and between files: no URI and no JSON text holds them as they are. */
const FIELD = '\x1f';
const FILE = '\x1e';
const FIELDS = 7;

/**
 * SQL of a live file as one text, null where it has more to say than fits into it (a deletion vector, row ids). What it lacks and must
 * have is a field too few. Most files of most tables are of this kind, and such texts are many times cheaper to read than JSON.
 */
export const PLAIN_FILE = `CASE WHEN "add" IS NOT NULL AND "remove" IS NULL AND "add".deletionVector IS NULL AND "add".baseRowId IS NULL
    AND "add".defaultRowCommitVersion IS NULL AND "add".clusteringProvider IS NULL
  THEN concat_ws(chr(31), "add".path, to_json("add".partitionValues)::VARCHAR, "add".size, coalesce("add".modificationTime, 0),
    "add".dataChange, CASE WHEN "add".tags IS NULL THEN '' ELSE to_json("add".tags)::VARCHAR END, coalesce("add".stats, '')) END`;
/** What stands between two of them. */
export const PLAIN_SEPARATOR = 'chr(30)';

/** Maps of texts by their JSON: the same few values stand at most files. */
type Maps = Map<string, PartitionValues>;

const mapOf = (maps: Maps, text: string): PartitionValues | undefined => {
  const known = maps.get(text);
  if (known) return known;
  const value: unknown = JSON.parse(text);
  if (!isRecord(value)) return undefined;
  const made = Object.freeze(value) as PartitionValues;
  maps.set(text, made);
  return made;
};

const whole = (text: string): number | undefined => {
  const value = Number(text);
  return text !== '' && Number.isSafeInteger(value) ? value : undefined;
};

const fileOf = (text: string, maps: Maps, where: string): AddFile | undefined => {
  const fields = text.split(FIELD);
  const [path = '', values = '', bytes = '', modified = '', change, tags = '', stats = ''] = fields;
  const size = whole(bytes);
  const modificationTime = whole(modified);
  const partitionValues = mapOf(maps, values);
  if (fields.length !== FIELDS || size === undefined || size < 0 || modificationTime === undefined) return undefined;
  if (!partitionValues) return undefined;
  checkPath(path, where);
  const dataChange = change === 'true';
  const tagged = tags === '' ? undefined : mapOf(maps, tags);
  // Written out, so that most files have one shape in memory.
  if (tagged) return { path, partitionValues, size, modificationTime, dataChange, stats, tags: tagged };
  if (stats !== '') return { path, partitionValues, size, modificationTime, dataChange, stats };
  return { path, partitionValues, size, modificationTime, dataChange };
};

/**
 * The files of such texts. Undefined where they are not what they should be: a path or a statistic that holds a separator, a size that
 * is none. `where` is the log's file, for errors. Errors: `delta-corrupt` for a path that leaves the table.
 */
export const plainFiles = (text: string, count: number, maps: Maps, where: string): readonly AddFile[] | undefined => {
  const texts = text.split(FILE);
  if (texts.length !== count) return undefined;
  const files: AddFile[] = [];
  for (const one of texts) {
    const file = fileOf(one, maps, where);
    if (!file) return undefined;
    files.push(file);
  }
  return files;
};
