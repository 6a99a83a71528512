import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { assay, freshDir } from '../product.js';

/** What an operator meets at start: one sentence that names the thing, one line with the way out, no stack trace. */
const dirs: string[] = [];
const fresh = (name: string) => {
  const dir = freshDir(name);
  dirs.push(dir);
  return dir;
};
afterAll(() => {
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
});
const sentence = (err: string, what: RegExp, way: RegExp) => {
  const lines = err.trim().split('\n');
  const at = lines.findIndex((l) => l.startsWith('assay: '));
  expect(err).toMatch(what);
  expect(at).toBeGreaterThanOrEqual(0);
  expect(lines[at]).toMatch(what);
  expect(lines[at + 1]).toMatch(way);
  expect(lines.length).toBe(at + 2);
  expect(err).not.toMatch(/^\s+at /m);
};

describe('a start that cannot be', () => {
  it('says which port is taken and which setting frees it', async () => {
    const taken = createServer();
    await new Promise<void>((done) => taken.listen(0, '127.0.0.1', done));
    const { port } = taken.address() as { port: number };
    const home = join(fresh('port'), 'home');
    const told = await assay(home, ['start'], { ASSAY_HTTP_PORT: String(port) });
    expect(told.code).toBe(1);
    sentence(told.err, new RegExp(`port ${port} is in use`), /ASSAY_HTTP_PORT/);
    const sql = await assay(home, ['start'], { ASSAY_SQL_PORT: String(port) });
    expect(sql.code).toBe(1);
    sentence(sql.err, new RegExp(`port ${port} is in use`), /ASSAY_SQL_PORT/);
    await new Promise((done) => taken.close(done));
  });
  it('refuses a home of a newer version', async () => {
    const home = join(fresh('newer'), 'home');
    mkdirSync(home);
    writeFileSync(join(home, 'layout.json'), '{"layout": 99}');
    const told = await assay(home, ['start']);
    expect(told.code).toBe(1);
    sentence(told.err, /written by a newer version/, /ASSAY_HOME/);
  });
  it('refuses a home on a read-only file system, and one on a full disk', async (context) => {
    const dir = fresh('mounts');
    const mount = (options: string) => {
      const made = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', dir], { encoding: 'utf8' });
      return made.status === 0 ? undefined : (made.error?.message ?? `${made.status ?? made.signal}: ${made.stderr}`);
    };
    const why = mount('ro,size=1m');
    if (why) return context.skip(`mounting a small file system needs root with the right to mount (${why.trim()})`);
    try {
      const told = await assay(join(dir, 'home'), ['start']);
      expect(told.code).toBe(1);
      sentence(told.err, /cannot be written: the file system is read-only/, /ASSAY_HOME/);
    } finally {
      spawnSync('umount', [dir]);
    }
    mount('size=2m,mode=755');
    try {
      const told = await assay(join(dir, 'home'), ['start']);
      expect(told.code).toBe(1);
      sentence(told.err, /no space left on the disk/, /free some space/);
    } finally {
      spawnSync('umount', [dir]);
    }
  });
  it('says that the embedded PostgreSQL cannot run in a folder that its user cannot reach', async () => {
    const dir = fresh('shut');
    const shut = join(dir, 'shut');
    mkdirSync(shut, { mode: 0o700 });
    const told = await assay(join(dir, 'home'), ['start'], { ASSAY_PG_DIR: join(shut, 'pg') });
    expect(told.code).toBe(1);
    sentence(told.err, /embedded PostgreSQL cannot run here/, /ASSAY_PG_DIR|ASSAY_POSTGRES_URL|chmod/);
  });
  it('needs a secret where the demo is not wanted', async () => {
    const told = await assay(join(fresh('secret'), 'home'), ['start', '--no-demo']);
    expect(told.code).toBe(2);
    sentence(told.err, /ASSAY_JWT_SECRET is not set/, /set ASSAY_JWT_SECRET/);
  });
  it('binds the demo’s secrets to loopback', async () => {
    const told = await assay(join(fresh('loop'), 'home'), ['start'], { ASSAY_HTTP_HOST: '0.0.0.0' });
    expect(told.code).toBe(2);
    sentence(told.err, /ASSAY_HTTP_HOST=0\.0\.0\.0/, /ASSAY_HTTP_HOST/);
  });
  it('tells a mistake in the model with file and line', async () => {
    const dir = fresh('model');
    mkdirSync(join(dir, 'model/cubes'), { recursive: true });
    mkdirSync(join(dir, 'model/views'), { recursive: true });
    writeFileSync(join(dir, 'model/cubes/a.yml'), 'cubes:\n  - name: a\n    sql_table: t\n    measurez: []\n');
    const told = await assay(join(dir, 'home'), ['start'], { ASSAY_MODEL: join(dir, 'model') });
    expect(told.code).toBe(1);
    sentence(told.err, /cubes\/a\.yml:4: .*measurez/, /mend the file/);
  });
  it('refuses unknown flags and commands with exit code 2', async () => {
    for (const args of [['start', '--nodemo'], ['frobnicate'], ['status', 'extra']]) {
      const told = await assay(join(fresh('flags'), 'home'), args);
      expect([args, told.code]).toEqual([args, 2]);
      expect(told.err).toMatch(/error: /);
    }
  });
  it('says that nothing runs where nothing can be stopped', async () => {
    const told = await assay(join(fresh('stop'), 'home'), ['stop']);
    expect(told.code).toBe(1);
    sentence(told.err, /no server runs/, /assay start/);
  });
});
