import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

/** The house: a room imports the floors below it, and of its own floor what stands here. The order is from the ground up. */
const FLOORS: Record<string, string[]>[] = [
  { errors: [], query: ['errors'], config: ['errors'], telemetry: ['errors', 'query', 'config'] },
  { 'store/kv': [], 'store/engine': [], 'store/delta': [], 'store/state': ['store/engine'] },
  { 'model/catalog': [], 'model/policy': ['model/catalog'], 'model/cube': ['model/catalog', 'model/policy'] },
  { 'build/ingest': [], 'build/transform': [], 'build/rollup': [] },
  {
    'answer/plan': [],
    'answer/run': ['answer/plan'],
    'answer/sql': ['answer/plan'],
    'answer/search': ['answer/plan'],
    'answer/features': ['answer/plan', 'answer/run'],
  },
  {
    'serve/auth': [],
    'serve/http': ['serve/auth'],
    'serve/rest': ['serve/auth', 'serve/http'],
    'serve/graphql': ['serve/auth', 'serve/http'],
    'serve/mcp': ['serve/auth', 'serve/http'],
    'serve/pgwire': ['serve/auth', 'serve/http'],
  },
  { cli: ['app', 'main'], main: ['app', 'cli'], app: ['cli'] },
];
/** Ground rooms that other rooms take as a parameter instead of importing. */
const BY_PARAMETER = ['telemetry'];
const MOST_LINES = 400;

const src = resolve(import.meta.dirname, '../src');
const rooms = FLOORS.flatMap((floor, level) => Object.entries(floor).map(([room, may]) => ({ room, level, may })));
const walk = (dir: string): string[] =>
  readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    return statSync(path).isDirectory() ? walk(path) : path.endsWith('.ts') ? [path] : [];
  });
const files = walk(src);
const roomOf = (path: string) => {
  const at = relative(src, path).replaceAll('\\', '/');
  return rooms.find(({ room }) => at === `${room}.ts` || at.startsWith(`${room}/`));
};
const importsOf = (path: string) =>
  [
    ...readFileSync(path, 'utf8').matchAll(
      /^\s*(?:import|export)\b[^'"]*?from\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|^import\s+['"]([^'"]+)['"]/gm,
    ),
  ].map((m) => m[1] ?? m[2] ?? m[3] ?? '');
const localTarget = (from: string, name: string) => {
  const path = resolve(dirname(from), name.replace(/\.js$/, '.ts'));
  return existsSync(path) ? path : `${path}`;
};

describe('the house', () => {
  it('has only rooms that stand in the table', () => {
    expect(files.filter((f) => !roomOf(f)).map((f) => relative(src, f))).toEqual([]);
  });
  it('imports downwards only, and sideways only as the table says', () => {
    const wrong: string[] = [];
    for (const file of files) {
      if (file.endsWith('.test.ts')) continue;
      const from = roomOf(file);
      for (const name of importsOf(file).filter((n) => n.startsWith('.'))) {
        const to = roomOf(localTarget(file, name));
        if (!from || !to || from.room === to.room) continue;
        const roof = from.level === FLOORS.length - 1;
        const allowed =
          (to.level < from.level && (roof || !BY_PARAMETER.includes(to.room))) || from.may.includes(to.room);
        if (!allowed) wrong.push(`${relative(src, file)} -> ${to.room}`);
      }
    }
    expect(wrong).toEqual([]);
  });
  it('enters a room of another by its index, a record file of types aside', () => {
    const wrong: string[] = [];
    for (const file of files) {
      if (file.endsWith('.test.ts')) continue;
      for (const name of importsOf(file).filter((n) => n.startsWith('.'))) {
        const target = localTarget(file, name);
        const to = roomOf(target);
        const from = roomOf(file);
        if (!to || !from || to.room === from.room || from.level === FLOORS.length - 1) continue;
        if (!/^(index)\.ts$/.test(relative(join(src, to.room), target)) && !target.endsWith(`${to.room}.ts`))
          wrong.push(`${relative(src, file)} -> ${relative(src, target)}`);
      }
    }
    expect(wrong).toEqual([]);
  });
  it('has no cycle between files', () => {
    const edges = new Map(
      files.map(
        (f) =>
          [
            f,
            importsOf(f)
              .filter((n) => n.startsWith('.'))
              .map((n) => localTarget(f, n)),
          ] as const,
      ),
    );
    const state = new Map<string, 'open' | 'done'>();
    const cycles: string[] = [];
    const visit = (file: string, path: string[]) => {
      if (state.get(file) === 'done') return;
      if (state.get(file) === 'open') {
        cycles.push([...path.slice(path.indexOf(file)), file].map((f) => relative(src, f)).join(' -> '));
        return;
      }
      state.set(file, 'open');
      for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
      state.set(file, 'done');
    };
    for (const file of files) visit(file, []);
    expect(cycles).toEqual([]);
  });
  it('lets only model/cube touch Cube, and only config read the environment', () => {
    const wrong: string[] = [];
    for (const file of files.filter((f) => !f.endsWith('.test.ts'))) {
      const text = readFileSync(file, 'utf8');
      const room = roomOf(file)?.room;
      if (/['"]@cubejs-backend\//.test(text) && room !== 'model/cube') wrong.push(`${relative(src, file)}: Cube`);
      if (/\bprocess\.env\b/.test(text) && room !== 'config') wrong.push(`${relative(src, file)}: process.env`);
    }
    expect(wrong).toEqual([]);
  });
  it('keeps files short and names plain', () => {
    const long = files
      .filter((f) => readFileSync(f, 'utf8').split('\n').length > MOST_LINES)
      .map((f) => relative(src, f));
    expect(long).toEqual([]);
    expect(
      files.map((f) => relative(src, f)).filter((f) => /(^|\/)(utils?|helpers?|common|misc)(\/|\.ts$)/.test(f)),
    ).toEqual([]);
  });
});
