import { spawn } from 'node:child_process';

/** Who runs a program: ids of the account, or undefined for this process's own. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The environment of every program that is started here: the caller's locale, zone and library settings must not reach the server
 * (initdb takes its locale from LC_ALL, the server its zone from TZ).
 */
export const PLAIN_ENVIRONMENT = {
  LC_ALL: 'C',
  TZ: 'UTC',
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
};

export interface Ended {
  /** Undefined when the program could not be started or was killed. */
  readonly code: number | undefined;
  readonly output: string;
}

/** Runs a program to its end, from `/`, and gives what it printed. Never rejects: a program that cannot start has no code. */
export const runCommand = (file: string, args: readonly string[], account?: Account): Promise<Ended> =>
  new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd: '/',
      env: PLAIN_ENVIRONMENT,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(account ? { uid: account.uid, gid: account.gid } : {}),
    });
    let output = '';
    const take = (chunk: Buffer) => {
      output += chunk.toString('utf8');
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', (e) => resolve({ code: undefined, output: e.message }));
    child.on('close', (code) => resolve({ code: code ?? undefined, output }));
  });
