import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { error } from '../../../errors/index.js';
import { type Body, DIALECTS, type DialectName, type Transform } from './definition.js';
import { entriesOf } from './entries.js';
import { readFrontMatter } from './front-matter.js';
import { servedVersions } from './versions.js';
import { meant, readYaml } from './yaml-reader.js';

export const LAYERS = ['silver', 'gold'] as const;
const FILE = /^([a-z_][a-z0-9_]*)\.v([1-9]\d*)\.sql$/;
const OVERRIDE = /^([a-z_][a-z0-9_]*)\.v([1-9]\d*)\.([a-z0-9_]+)\.sql$/;
const HEAD = /^\s*\/\*\s*@transform[^\n]*\n([\s\S]*?)\*\//;

const linesOf = (part: string): number => part.split('\n').length - 1;
const baseName = (file: string): string => file.split(/[\\/]/).at(-1) ?? '';
const invalid = (file: string, what: string) => error('transform-invalid', { file, line: 1, what });

/** One transform from its file's text. `file` names it in messages. Errors: `transform-invalid`. */
export const readTransform = (file: string, layer: string, text: string): Transform => {
  const name = FILE.exec(baseName(file));
  if (!name) throw invalid(file, 'the file must be called <table>.v<N>.sql, or <table>.v<N>.<engine>.sql');
  const head = HEAD.exec(text);
  if (!head?.[1]) throw invalid(file, 'the file must begin with /* @transform');
  const yamlLine = 1 + linesOf(text.slice(0, head.index + head[0].indexOf(head[1])));
  const root = readYaml(file, head[1], yamlLine);
  const transform = readFrontMatter(root);
  if (transform.name !== `${layer}.${name[1]}`)
    throw root.fail(`name must be ${layer}.${name[1]}, as folder and file say; it is ${transform.name}`);
  if (transform.version !== Number(name[2])) throw root.fail(`version must be ${name[2]}, as the file says`);
  const end = head.index + head[0].length;
  const body = text.slice(end);
  if (body.trim() === '') throw root.fail('a SELECT must follow the front matter');
  const bodyLine = 1 + linesOf(text.slice(0, end));
  return { ...transform, id: transform.name, file, layer, table: name[1] ?? '', body, bodyLine, text };
};

/** A body for one engine. `engine` is as the file's name spells it. */
export interface OverrideFile extends Body {
  readonly layer: string;
  readonly table: string;
  readonly version: number;
  readonly engine: string;
}

/** The override that a file is by its name; undefined when its name is not that of one. Errors: `transform-invalid`. */
export const readOverride = (file: string, layer: string, text: string): OverrideFile | undefined => {
  const name = OVERRIDE.exec(baseName(file));
  if (!name) return undefined;
  if (HEAD.test(text)) throw invalid(file, `the front matter stands in ${name[1]}.v${name[2]}.sql only; take it away`);
  if (text.trim() === '') throw invalid(file, 'a SELECT is wanted');
  return { file, text, line: 1, layer, table: name[1] ?? '', version: Number(name[2]), engine: name[3] ?? '' };
};

/** The transforms with the bodies that are written for other engines. Errors: `transform-invalid`. */
export const withOverrides = (transforms: readonly Transform[], overrides: readonly OverrideFile[]): Transform[] => {
  const found = new Map<Transform, Map<DialectName, Body>>();
  for (const { layer, table, version, engine, ...body } of overrides) {
    const { file } = body;
    const dialect = DIALECTS.find((name) => name === engine);
    if (!dialect)
      throw invalid(file, `${engine} is no engine${meant(engine, DIALECTS)}; there are ${DIALECTS.join(', ')}`);
    const of = transforms.find((each) => each.name === `${layer}.${table}` && each.version === version);
    if (!of) throw invalid(file, `there is no ${table}.v${version}.sql beside it, which this body would be for`);
    if (dialect === of.engine.dialect) throw invalid(file, `${of.file} is itself written for ${dialect}`);
    if (!of.engine.allow.includes(dialect))
      throw invalid(file, `engine.allow of ${of.file} does not hold ${dialect}, so this body would never run`);
    found.set(of, (found.get(of) ?? new Map<DialectName, Body>()).set(dialect, body));
  }
  return transforms.map((each) => ({ ...each, overrides: found.get(each) ?? each.overrides }));
};

/**
 * Reads every transform of `<dir>/sql`: the highest version of each table under its name, older ones that are still served under
 * `name_v<N>`. `today` (UTC, `2027-03-01`) decides which are; without it, no sunset has come. Errors: `transform-invalid`.
 */
export const readTransforms = async (dir: string, today?: string): Promise<Transform[]> => {
  const transforms: Transform[] = [];
  const overrides: OverrideFile[] = [];
  for (const layer of LAYERS) {
    const folder = join(dir, 'sql', layer);
    for (const entry of (await entriesOf(folder)).filter((n) => n.endsWith('.sql')).sort()) {
      const path = join(folder, entry);
      const file = relative(dir, path).replaceAll('\\', '/');
      const text = await readFile(path, 'utf8');
      const override = readOverride(file, layer, text);
      if (override) overrides.push(override);
      else transforms.push(readTransform(file, layer, text));
    }
  }
  // A wrong setting must not look like the wish to remove every table.
  if (transforms.length === 0)
    throw error('transform-invalid', {
      ...{ file: 'sql', line: 1 },
      what: 'the folder of the transforms holds none (sql/silver/*.sql, sql/gold/*.sql); ASSAY_TRANSFORMS says which folder it is',
    });
  return servedVersions(withOverrides(transforms, overrides), today);
};
