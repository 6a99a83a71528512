import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';

/** True when Java and Maven are installed, which `assay spark up` needs; with CI=true they have to be. */
export const hasSpark =
  spawnSync('java', ['-version']).status === 0 && spawnSync('mvn', ['-v'], { stdio: 'ignore' }).status === 0;
export const NO_SPARK = 'no Java 17 and Maven (mvn): Spark cannot be started';

/** One server for everyone: of all runs of this user on this machine. */
const folder = join(tmpdir(), `assay-test-spark-${userInfo().uid}`);
const file = join(folder, 'server.json');
const lock = join(folder, 'lock');
/** The test run: workers come and go, the process that starts them stays to its end. */
const run = isMainThread ? process.ppid : process.pid;

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
};

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw thrown;
  }
};

const running = (): string | undefined => {
  const text = read(file);
  if (text === '') return undefined;
  const { pid, url } = JSON.parse(text) as { pid: number; url: string };
  return alive(pid) ? url : undefined;
};

/** True when it is this process's turn to start the server. */
const takeLock = (): boolean => {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
    const owner = Number(read(lock));
    if (owner > 0 && !alive(owner)) rmSync(lock, { force: true });
    return false;
  }
};

const start = async (): Promise<string> => {
  const log = join(folder, 'server.log');
  const out = openSync(log, 'w');
  const keeper = spawn(process.execPath, [resolve(import.meta.dirname, 'spark-keeper.mjs'), folder], {
    detached: true,
    stdio: ['ignore', out, out],
  });
  closeSync(out);
  let over = false;
  keeper.once('exit', () => {
    over = true;
  });
  keeper.unref();
  for (;;) {
    const url = running();
    if (url !== undefined) return url;
    if (over) throw new Error(`Spark did not start:\n${read(log)}`);
    await pause(50);
  }
};

/**
 * A real Spark Connect server (`sc://127.0.0.1:port`): the one that runs, else one is started. It stops by itself some moments
 * after the last run that asked for it. Sessions are apart; catalog tables and the heap (2 GB) are shared. Never kill it in a test.
 */
export const sparkServer = async (): Promise<string> => {
  mkdirSync(join(folder, 'users'), { recursive: true });
  writeFileSync(join(folder, 'users', String(run)), '');
  for (;;) {
    const url = running();
    if (url !== undefined) return url;
    if (takeLock()) {
      try {
        return running() ?? (await start());
      } finally {
        rmSync(lock, { force: true });
      }
    }
    await pause(50);
  }
};
