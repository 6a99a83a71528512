import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clone } from '../engines/transform-clones.js';
import { root } from '../engines/warehouse-and-lake.js';

/** The moment at which a process stops itself: the `nth` time that a statement, an event or a removed path fits. */
export interface Moment {
  readonly sql?: string;
  readonly event?: string;
  readonly removed?: string;
  readonly model?: string;
  readonly nth?: number;
  readonly when?: 'before' | 'after';
}

export interface Told {
  readonly result?: { readonly status?: string; readonly revision: number; readonly changed: readonly string[] };
  readonly error?: { readonly code: string; readonly message: string };
  readonly steps: readonly string[];
}

/** Processes that have not ended, for tests that fail in between. */
const alive = new Set<ChildProcess>();
export const endChildren = (): void => {
  for (const one of alive) one.kill('SIGKILL');
};

/** A command in a process of its own. */
export interface Child {
  readonly pid: number;
  /** Resolves when the process has stopped itself; throws when it ended instead. */
  stopped(): Promise<void>;
  /** Lets it go on. */
  resume(): void;
  /** How it ended: by which signal, or with what it told. */
  readonly ended: Promise<{ readonly signal: string | null; readonly told: Told | undefined }>;
}

const stateOf = ({ pid }: ChildProcess): string => {
  try {
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? '';
  } catch {
    return '';
  }
};

export const child = (
  place: Clone,
  command: readonly string[],
  at?: Moment,
  signal: 'SIGKILL' | 'SIGSTOP' = 'SIGKILL',
): Child => {
  const { url, lake, transforms: transformsDir } = place;
  const order = JSON.stringify({ url, lake, transformsDir, command, at, signal });
  const process_ = spawn(process.execPath, [join(root, 'test/faults/transform-child.mjs'), order], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  process_.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  let over = false;
  alive.add(process_);
  const ended = new Promise<{ signal: string | null; told: Told | undefined }>((done, failed) => {
    process_.on('error', failed);
    process_.on('close', (_code, ending) => {
      over = true;
      alive.delete(process_);
      done({ signal: ending, told: out === '' ? undefined : (JSON.parse(out) as Told) });
    });
  });
  return {
    pid: process_.pid ?? 0,
    ended,
    stopped: async () => {
      while (stateOf(process_) !== 'T') {
        if (over) throw new Error(`it ended instead of stopping: ${out}`);
        await sleep(5);
      }
    },
    resume: () => {
      process_.kill('SIGCONT');
    },
  };
};
