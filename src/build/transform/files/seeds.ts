import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { error } from '../../../errors/index.js';
import type { ParquetEngine } from '../../../store/delta/index.js';
import { duckdbType, literal, quoted, viewOf } from '../sql-text.js';
import type { ContractColumn } from './definition.js';
import { entriesOf } from './entries.js';
import { columnsOf } from './front-matter.js';
import { readYaml } from './yaml-reader.js';

/** A small reference table: `seeds/<name>.csv`, described by `seeds/<name>.yaml` (description, source, columns). */
export interface Seed {
  readonly name: string;
  /** The CSV's absolute path. */
  readonly path: string;
  readonly columns: readonly ContractColumn[];
  readonly hash: string;
}

/** Reads the descriptions of all seeds. Errors: `transform-invalid`. */
export const readSeeds = async (dir: string): Promise<Seed[]> => {
  const folder = join(dir, 'seeds');
  const names = (await entriesOf(folder)).filter((n) => n.endsWith('.csv')).sort();
  return Promise.all(
    names.map(async (entry) => {
      const name = entry.slice(0, -'.csv'.length);
      const path = join(folder, entry);
      const [csv, described] = await Promise.all([readFile(path), readFile(join(folder, `${name}.yaml`), 'utf8')]);
      const root = readYaml(relative(dir, join(folder, `${name}.yaml`)), described, 1);
      const fields = root.fields('a seed', ['description', 'source', 'columns']);
      const list = fields.get('columns');
      if (!list || !fields.has('description') || !fields.has('source'))
        throw root.fail('a seed needs description, source and columns');
      const columns = columnsOf(list);
      const [header] = csv.toString('utf8').split(/\r?\n/, 1);
      if (header !== columns.map((c) => c.name).join(','))
        throw error('transform-invalid', {
          file: relative(dir, path),
          line: 1,
          what: `the header must be ${columns.map((c) => c.name).join(',')}, as ${name}.yaml says`,
        });
      const shape = columns.map((c) => [c.name, duckdbType(c.type), c.nullable]);
      const hash = createHash('sha256').update(csv).update(JSON.stringify(shape)).digest('hex');
      return { name, path, columns, hash };
    }),
  );
};

/** Makes the seed readable in the session. Errors: `transform-invalid` when a line does not fit the columns. */
export const loadSeed = async (engine: ParquetEngine, seed: Seed): Promise<void> => {
  const columns = seed.columns.map((c) => `${literal(c.name)}: ${literal(duckdbType(c.type))}`).join(', ');
  const constraints = seed.columns.map(
    (c) => `${quoted(c.name)} ${duckdbType(c.type)}${c.nullable ? '' : ' NOT NULL'}`,
  );
  const table = viewOf(`seed.${seed.name}`);
  try {
    await engine.execute(`CREATE OR REPLACE TEMP TABLE ${table} (${constraints.join(', ')})`);
    await engine.execute(
      `INSERT INTO ${table} SELECT * FROM read_csv(${literal(seed.path)}, auto_detect = false, header = true, delim = ',', quote = '"', escape = '"', nullstr = '', columns = {${columns}})`,
    );
  } catch (thrown) {
    throw error(
      'transform-invalid',
      { file: `seeds/${seed.name}.csv`, line: 1, what: `a line does not fit the columns of ${seed.name}.yaml` },
      thrown,
    );
  }
};
