import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Names of what one build makes, so that it can be removed whatever happens. */
export interface Workshop {
  readonly dir: string;
  /** Unique to this build; first part of every table's name. */
  readonly prefix: string;
}

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code !== 'ESRCH';
  }
};

/** A folder of its own below `dir`. Those of processes that were killed are removed. */
export const openWorkshop = async (dir: string): Promise<Workshop> => {
  await mkdir(dir, { recursive: true });
  for (const name of await readdir(dir)) {
    const pid = Number(/^rollup-(\d+)-/.exec(name)?.[1]);
    if (Number.isInteger(pid) && !isRunning(pid)) await rm(join(dir, name), { recursive: true, force: true });
  }
  return {
    dir: await mkdtemp(join(dir, `rollup-${process.pid}-`)),
    prefix: `rollup_build_${randomBytes(6).toString('hex')}_`,
  };
};
