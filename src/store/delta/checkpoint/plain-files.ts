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

/** A number of at most 15 digits that stands in a text, without taking it out; -1 for anything else. */
const digits = (text: string, from: number, to: number): number => {
  if (to <= from || to - from > 15) return -1;
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = 10 * value + digit;
  }
  return value;
};

/** The fields' ends in one file's text, which goes from `from` to `to`; false where there are more or fewer. */
const findEnds = (text: string, from: number, to: number, ends: number[]): boolean => {
  let at = from;
  for (let field = 0; field < FIELDS - 1; field++) {
    const end = text.indexOf(FIELD, at);
    if (end < 0 || end > to) return false;
    ends[field] = end;
    at = end + 1;
  }
  const more = text.indexOf(FIELD, at);
  return more < 0 || more > to;
};

const fileAt = (text: string, from: number, to: number, ends: number[], maps: Maps): AddFile | undefined => {
  if (!findEnds(text, from, to, ends)) return undefined;
  const [first = 0, second = 0, third = 0, fourth = 0, fifth = 0, sixth = 0] = ends;
  const path = text.slice(from, first);
  const partitionValues = mapOf(maps, text.slice(first + 1, second));
  const size = digits(text, second + 1, third);
  const modificationTime = digits(text, third + 1, fourth);
  if (!partitionValues || size < 0 || modificationTime < 0) return undefined;
  const dataChange = fifth - fourth === 5;
  const stats = text.slice(sixth + 1, to);
  const tags = sixth === fifth + 1 ? undefined : mapOf(maps, text.slice(fifth + 1, sixth));
  // Written out, so that most files have one shape in memory.
  if (stats !== '' && tags) return { path, partitionValues, size, modificationTime, dataChange, stats, tags };
  if (tags) return { path, partitionValues, size, modificationTime, dataChange, tags };
  if (stats !== '') return { path, partitionValues, size, modificationTime, dataChange, stats };
  return { path, partitionValues, size, modificationTime, dataChange };
};

/**
 * The files of such texts. Undefined where they are not what they should be: a path or a statistic that holds a separator, a size that
 * is none. `where` is the log's file, for errors. Errors: `delta-corrupt` for a path that leaves the table.
 */
export const plainFiles = (text: string, count: number, maps: Maps, where: string): readonly AddFile[] | undefined => {
  const files: AddFile[] = [];
  const ends: number[] = [];
  for (let from = 0; from <= text.length; ) {
    const found = text.indexOf(FILE, from);
    const to = found < 0 ? text.length : found;
    const file = fileAt(text, from, to, ends, maps);
    if (!file || files.length === count) return undefined;
    checkPath(file.path, where);
    files.push(file);
    from = to + 1;
  }
  return files.length === count ? files : undefined;
};
