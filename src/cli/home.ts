import { randomBytes } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { error } from '../errors/index.js';

/** Layout of the home's files that this version writes. A higher number found is refused, a lower one is brought forward. */
export const LAYOUT = 1;

/** What a running server tells other processes of the same home. Readable by its owner only: the URLs hold passwords. */
export interface RunFile {
  readonly pid: number;
  readonly started: string;
  readonly http: { readonly host: string; readonly port: number };
  readonly sql: { readonly host: string; readonly port: number };
  readonly warehouse: string;
  readonly session: string;
  /** Folders that the server works with; commands beside it use the same. */
  readonly model: string;
  readonly transforms: string;
}

/** Where things lie below the home. */
export interface Home {
  readonly dir: string;
  readonly clusters: string;
  readonly lake: string;
  readonly kv: string;
  readonly rollups: string;
  readonly tmp: string;
  readonly tokens: string;
  readonly secrets: string;
  readonly logFile: string;
  /** What became of the model's files, written by the server. */
  readonly model: string;
}

export const homeAt = (dir: string, lake: string | undefined): Home => ({
  dir,
  clusters: join(dir, 'pg'),
  lake: lake ?? join(dir, 'lake'),
  kv: join(dir, 'kv'),
  rollups: join(dir, 'rollups'),
  tmp: join(dir, 'tmp'),
  tokens: join(dir, 'demo-tokens.json'),
  secrets: join(dir, 'secrets.json'),
  logFile: join(dir, 'assay.log'),
  model: join(dir, 'model.json'),
});

/** Codes of the operating system that have a sentence of their own. Anything else is a bug and stays as it is. */
export const explainIo = (thrown: unknown, path: string): unknown => {
  const code = (thrown as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT') return error('disk-full', { path }, thrown);
  if (code === 'EACCES' || code === 'EPERM')
    return error('home-unwritable', { home: path, why: 'no permission' }, thrown);
  if (code === 'EROFS') return error('home-unwritable', { home: path, why: 'the file system is read-only' }, thrown);
  if (code === 'ENOTDIR' || code === 'EEXIST')
    return error('home-unwritable', { home: path, why: 'a file stands where a folder is needed' }, thrown);
  return thrown;
};

/** Writes whole or not at all: a reader sees the old text or the new one, also after a crash. */
export const writeWhole = (path: string, text: string, mode = 0o644): void => {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(temporary, text, { mode, flush: true });
    renameSync(temporary, path);
  } catch (thrown) {
    throw explainIo(thrown, dirname(path));
  }
};

/** True for a folder that is absent or holds nothing that the service wrote: only then may the demo load. */
export const isEmptyHome = (home: Home): boolean => !existsSync(home.dir) || readdirSync(home.dir).length === 0;

/** One folder at a time: Node's recursive form hides a read-only file system behind ENOENT. */
export const makeFolder = (dir: string): void => {
  if (existsSync(dir)) return;
  if (dirname(dir) !== dir) makeFolder(dirname(dir));
  try {
    mkdirSync(dir, { mode: 0o711 });
  } catch (thrown) {
    // made by another process just now
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST' || !statSync(dir).isDirectory()) throw thrown;
  }
};

/** Makes the home, or checks that it is one of ours and writable. Errors: `home-newer`, `home-unwritable`, `disk-full`. */
export const openHome = (home: Home): void => {
  const file = join(home.dir, 'layout.json');
  try {
    // Others may walk the home but not list it: the embedded PostgreSQL runs as a user of its own and must reach its folder.
    makeFolder(home.dir);
    if (existsSync(file)) {
      const found = (JSON.parse(readFileSync(file, 'utf8')) as { layout?: unknown }).layout;
      if (typeof found !== 'number' || found > LAYOUT)
        throw error('home-newer', { home: home.dir, found: String(found), known: String(LAYOUT) });
    }
    accessSync(home.dir, constants.W_OK);
    const probe = join(home.dir, `.probe.${process.pid}`);
    writeFileSync(probe, Buffer.alloc(65_536), { flush: true }); // root passes every access check; a full disk shows only now
    unlinkSync(probe);
    mkdirSync(home.tmp, { recursive: true });
  } catch (thrown) {
    throw explainIo(thrown, home.dir);
  }
  if (!existsSync(file)) writeWhole(file, `${JSON.stringify({ layout: LAYOUT })}\n`);
};

/** Start time of a process in clock ticks: tells a living owner from another program that got its number. */
const startedAt = (pid: number): string | undefined => {
  try {
    process.kill(pid, 0);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ESRCH') return undefined;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return 'unknown'; // no /proc on this system: a living process of this number counts as the owner
  }
};

const lockPath = (home: Home) => join(home.dir, 'run.lock');
const runPath = (home: Home) => join(home.dir, 'run.json');

interface LockText {
  readonly pid: number;
  readonly started: string | undefined;
}
const readLock = (path: string): LockText | undefined => {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as LockText;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT' || thrown instanceof SyntaxError) return undefined;
    throw explainIo(thrown, path);
  }
};
const alive = (lock: LockText | undefined): lock is LockText =>
  lock !== undefined && startedAt(lock.pid) !== undefined && startedAt(lock.pid) === lock.started;

/** Pid of the process that owns this home, if one lives. */
export const ownerOf = (home: Home): number | undefined => {
  const lock = readLock(lockPath(home));
  return alive(lock) ? lock.pid : undefined;
};

/**
 * Takes the home for this process; gives the function that lets go of it. A lock whose process is gone is taken over.
 * Errors: `home-in-use` with the owner's pid.
 */
export const takeHome = (home: Home): (() => void) => {
  const path = lockPath(home);
  const mine = `${path}.${process.pid}`;
  try {
    writeFileSync(mine, JSON.stringify({ pid: process.pid, started: startedAt(process.pid) }), { flush: true });
    for (let attempt = 0; ; attempt++) {
      try {
        linkSync(mine, path); // put if absent: of two that start at once, one wins
        break;
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
        const lock = readLock(path);
        if (alive(lock) || attempt > 50) throw error('home-in-use', { home: home.dir, pid: lock?.pid ?? 0 });
        takeAway(path);
      }
    }
  } catch (thrown) {
    throw explainIo(thrown, home.dir);
  } finally {
    if (existsSync(mine)) unlinkSync(mine);
  }
  return () => {
    if (readLock(path)?.pid !== process.pid) return;
    if (existsSync(runPath(home))) unlinkSync(runPath(home));
    unlinkSync(path);
  };
};

/** Removes a dead process's lock. Renamed first, and looked at again, so that nobody removes a lock that was just won. */
const takeAway = (path: string): void => {
  const aside = `${path}.dead.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw thrown;
  }
  if (alive(readLock(aside))) {
    linkSync(aside, path);
  }
  unlinkSync(aside);
};

export const writeRun = (home: Home, run: RunFile): void =>
  writeWhole(runPath(home), `${JSON.stringify(run, null, 2)}\n`, 0o600);

/** The running server of this home, if there is one that lives and is ready. */
export const readRun = (home: Home): RunFile | undefined => {
  const owner = ownerOf(home);
  if (owner === undefined || !existsSync(runPath(home))) return undefined;
  const run = JSON.parse(readFileSync(runPath(home), 'utf8')) as RunFile;
  return run.pid === owner ? run : undefined;
};

/** Secrets that the demo made for this home; made on the first call, kept 0600. Random 256-bit values in base64url. */
export const demoSecrets = (home: Home): { readonly jwt: string; readonly pseudonym: string } => {
  if (!existsSync(home.secrets)) {
    const fresh = () => randomBytes(32).toString('base64url');
    writeWhole(home.secrets, `${JSON.stringify({ jwt: fresh(), pseudonym: fresh() })}\n`, 0o600);
  }
  return JSON.parse(readFileSync(home.secrets, 'utf8')) as { jwt: string; pseudonym: string };
};

/** Bytes below a folder; files that go away meanwhile count as none. */
export const diskUse = (dir: string): number => {
  if (!existsSync(dir)) return 0;
  let total = 0;
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) total += diskUse(path);
    else total += statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  }
  return total;
};

/** An empty file that says that the demo began here; removed when it is complete, so that a start after a kill goes on with it. */
export const demoMark = (home: Home) => {
  const path = join(home.dir, 'demo.loading');
  return {
    begin: () => closeSync(openSync(path, 'w')),
    pending: () => existsSync(path),
    done: () => {
      if (existsSync(path)) unlinkSync(path);
    },
  };
};

/** The transforms that this home was last built with: a build with others by oversight would revert their tables. */
export const lastTransforms = (home: Home) => {
  const path = join(home.dir, 'transforms.json');
  return {
    read: (): string | undefined =>
      existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { dir: string }).dir : undefined,
    write: (dir: string) => writeWhole(path, `${JSON.stringify({ dir })}\n`),
  };
};
