import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { error } from '../../../errors/index.js';
import type { Transform } from './definition.js';
import { readFrontMatter } from './front-matter.js';
import { readYaml } from './yaml-reader.js';

export const LAYERS = ['silver', 'gold'] as const;
const FILE = /^([a-z_][a-z0-9_]*)\.v(\d+)\.sql$/;
const HEAD = /^\s*\/\*\s*@transform[^\n]*\n([\s\S]*?)\*\//;

/** One transform from its file's text. `file` names it in messages. Errors: `transform-invalid`. */
export const readTransform = (file: string, layer: string, text: string): Transform => {
  const name = FILE.exec(file.split(/[\\/]/).at(-1) ?? '');
  if (!name) throw error('transform-invalid', { file, line: 1, what: 'the file must be called <table>.v<N>.sql' });
  const head = HEAD.exec(text);
  if (!head?.[1]) throw error('transform-invalid', { file, line: 1, what: 'the file must begin with /* @transform' });
  const linesOf = (part: string) => part.split('\n').length - 1;
  const yamlLine = 1 + linesOf(text.slice(0, head.index + head[0].indexOf(head[1])));
  const root = readYaml(file, head[1], yamlLine);
  const transform = readFrontMatter(root);
  if (transform.name !== `${layer}.${name[1]}`)
    throw root.fail(`name must be ${layer}.${name[1]}, as folder and file say; it is ${transform.name}`);
  if (transform.version !== Number(name[2])) throw root.fail(`version must be ${name[2]}, as the file says`);
  const end = head.index + head[0].length;
  const body = text.slice(end);
  if (body.trim() === '') throw root.fail('a SELECT must follow the front matter');
  return {
    ...transform,
    id: transform.name,
    file,
    layer,
    table: name[1] ?? '',
    body,
    bodyLine: 1 + linesOf(text.slice(0, end)),
    text,
  };
};

/**
 * Reads every transform of `<dir>/sql`: the highest version of each table under its name, older ones that are still served under
 * `name_v<N>`. `today` (UTC, `2027-03-01`) decides which are; without it, no sunset has come. Errors: `transform-invalid`.
 */
export const readTransforms = async (dir: string, _today?: string): Promise<Transform[]> => {
  const found = new Map<string, Transform>();
  for (const layer of LAYERS) {
    const folder = join(dir, 'sql', layer);
    for (const entry of (await readdir(folder)).filter((n) => n.endsWith('.sql')).sort()) {
      const path = join(folder, entry);
      const transform = readTransform(relative(dir, path), layer, await readFile(path, 'utf8'));
      const other = found.get(transform.name);
      if (!other || other.version < transform.version) found.set(transform.name, transform);
    }
  }
  return [...found.values()];
};
