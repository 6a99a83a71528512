import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  demoSecrets,
  homeAt,
  isEmptyHome,
  LAYOUT,
  openHome,
  ownerOf,
  readRun,
  takeHome,
  writeRun,
} from '../src/cli/home.js';

const made: string[] = [];
const fresh = () => {
  const dir = mkdtempSync(join(tmpdir(), 'assay-home-'));
  made.push(dir);
  return homeAt(join(dir, 'home'), undefined);
};
afterAll(() => {
  for (const dir of made) rmSync(dir, { recursive: true, force: true });
});

describe('the home', () => {
  it('is made on the first open, and empty before', () => {
    const home = fresh();
    expect(isEmptyHome(home)).toBe(true);
    openHome(home);
    expect(JSON.parse(readFileSync(join(home.dir, 'layout.json'), 'utf8'))).toEqual({ layout: LAYOUT });
    openHome(home);
  });
  it('of a newer version is refused with the way out', () => {
    const home = fresh();
    mkdirSync(home.dir);
    writeFileSync(join(home.dir, 'layout.json'), '{"layout": 99}');
    expect(() => openHome(home)).toThrow(/written by a newer version \(layout 99/);
  });
  it('below a file is refused in one sentence', () => {
    const home = fresh();
    writeFileSync(home.dir, '');
    expect(() => openHome(home)).toThrow(/cannot be written/);
  });
  it('has one owner at a time', () => {
    const home = fresh();
    openHome(home);
    const release = takeHome(home);
    expect(ownerOf(home)).toBe(process.pid);
    expect(() => takeHome(home)).toThrow(new RegExp(`in use by process ${process.pid}`));
    release();
    expect(ownerOf(home)).toBeUndefined();
    takeHome(home)();
  });
  it('is taken over from a process that is gone, also when its number lives on as another program', async () => {
    const home = fresh();
    openHome(home);
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    writeFileSync(join(home.dir, 'run.lock'), JSON.stringify({ pid: other.pid, started: '1' }));
    expect(ownerOf(home)).toBeUndefined();
    takeHome(home)();
    const ended = new Promise((done) => other.on('exit', done));
    other.kill('SIGKILL');
    await ended;
  });
  it('shows a run file only while its owner lives, to its owner alone', () => {
    const home = fresh();
    openHome(home);
    const release = takeHome(home);
    writeRun(home, {
      pid: process.pid,
      started: 'now',
      http: { host: 'h', port: 1 },
      sql: { host: 'h', port: 2 },
      warehouse: 'w',
      session: 's',
      model: 'm',
      transforms: 't',
    });
    expect(readRun(home)?.http.port).toBe(1);
    expect(statSync(join(home.dir, 'run.json')).mode & 0o777).toBe(0o600);
    release();
    expect(readRun(home)).toBeUndefined();
    expect(existsSync(join(home.dir, 'run.json'))).toBe(false);
  });
  it('keeps its secrets across starts, readable by the owner only', () => {
    const home = fresh();
    openHome(home);
    const first = demoSecrets(home);
    expect(demoSecrets(home)).toEqual(first);
    expect(first.jwt).not.toBe(first.pseudonym);
    expect(statSync(home.secrets).mode & 0o777).toBe(0o600);
  });
  it('that is read-only is refused', () => {
    const home = fresh();
    mkdirSync(home.dir);
    chmodSync(join(home.dir, '..'), 0o755);
    chmodSync(home.dir, 0o555);
    const root = process.getuid?.() === 0; // root may write everywhere, so it steps down for this test
    if (root) process.seteuid?.(65_534);
    try {
      expect(() => openHome(home)).toThrow(/cannot be written: no permission/);
    } finally {
      if (root) process.seteuid?.(0);
    }
  });
});
