import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '..');
export type Role = 'data_analyst' | 'data_engineer' | 'admin' | 'country_manager';

/** A real process of the product with a home of its own. */
export interface Product {
  readonly home: string;
  readonly pid: number;
  readonly http: string;
  readonly sqlPort: number;
  readonly tokens: Readonly<Record<Role, string>>;
  /** Everything that it printed so far. */
  readonly output: () => string;
  stop(): Promise<number | null>;
  kill(): Promise<void>;
  /** Stops it and removes the home. */
  remove(): Promise<void>;
}

export interface ProductOptions {
  readonly home?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly arguments?: readonly string[];
}

/** An environment without settings of the caller's own. */
export const cleanEnv = (home: string, extra: Readonly<Record<string, string>> = {}): Record<string, string> => {
  const kept = Object.entries(process.env).filter(
    ([name, value]) => value !== undefined && !/^(ASSAY_|CUBEJS_|REDIS_URL)/.test(name),
  );
  return {
    ...Object.fromEntries(kept as [string, string][]),
    ASSAY_HOME: home,
    ASSAY_HTTP_PORT: '0',
    ASSAY_SQL_PORT: '0',
    ...extra,
  };
};

/** A folder that every user can walk, as the embedded PostgreSQL needs it. */
export const freshDir = (name: string): string => {
  const dir = mkdtempSync(join(tmpdir(), `assay-${name}-`));
  chmodSync(dir, 0o755);
  return dir;
};

/** Starts a process without waiting for anything. */
export const launch = (
  options: ProductOptions & { readonly home: string },
): { child: ChildProcess; output: () => string } => {
  const child = spawn(process.execPath, [join(root, 'bin/assay.js'), 'start', ...(options.arguments ?? [])], {
    env: cleanEnv(options.home, options.env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  const take = (chunk: Buffer) => {
    text += chunk.toString();
  };
  child.stdout?.on('data', take);
  child.stderr?.on('data', take);
  return { child, output: () => text };
};

const READY = /^ready http=(\S+) sql=postgres:\/\/[^:]+:(\d+)\//m;

/** Starts the product and resolves when it says `ready`; an early end is an error with all that it printed. */
export const startProduct = async (options: ProductOptions = {}): Promise<Product> => {
  const own = options.home === undefined ? freshDir('product') : undefined;
  const home = options.home ?? join(own ?? '', 'home');
  const { child, output } = launch({ ...options, home });
  const ended = new Promise<number | null>((done) => child.on('exit', (code) => done(code)));
  await new Promise<void>((done, failed) => {
    const look = () => READY.test(output()) && done();
    child.stdout?.on('data', look);
    child.on('exit', (code) => failed(new Error(`the product ended with ${code}:\n${output()}`)));
  });
  const [, http = '', port = ''] = READY.exec(output()) ?? [];
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    return ended;
  };
  return {
    home,
    pid: child.pid ?? 0,
    http,
    sqlPort: Number(port),
    tokens: options.env?.['ASSAY_JWT_SECRET']
      ? ({} as Record<Role, string>)
      : (JSON.parse(readFileSync(join(home, 'demo-tokens.json'), 'utf8')) as Record<Role, string>),
    output,
    stop,
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
    remove: async () => {
      await stop();
      rmSync(own ?? home, { recursive: true, force: true });
    },
  };
};

/** Runs the command line to its end. */
export const assay = (
  home: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number | null; out: string; err: string }> =>
  new Promise((done) => {
    const child = spawn(process.execPath, [join(root, 'bin/assay.js'), ...args], {
      env: cleanEnv(home, env),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
    });
    child.on('close', (code) => done({ code, out, err }));
  });
