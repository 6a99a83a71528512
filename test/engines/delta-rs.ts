import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** A table as another reader sees it; values are text. */
export interface ForeignTable {
  readonly version: number;
  readonly files: number;
  readonly partitions: readonly string[];
  readonly columns: readonly (readonly [string, string])[];
  readonly rows: readonly (readonly (string | null)[])[];
}

const candidates = [join(tmpdir(), 'assay-venv', 'bin', 'python'), 'python3', 'python'];

/** A Python that has delta-rs, or undefined. */
export const python = candidates.find(
  (name) =>
    (!name.includes('/') || existsSync(name)) &&
    spawnSync(name, ['-c', 'import deltalake, pyarrow'], { stdio: 'ignore' }).status === 0,
);
export const NO_READER =
  'no Python with the packages deltalake and pyarrow: python3 -m venv /tmp/assay-venv && /tmp/assay-venv/bin/pip install deltalake pyarrow';

/** Reads a table with delta-rs, rows sorted by the text of these columns. `env` tells it how to reach a bucket. */
export const readForeign = (
  path: string,
  order: readonly string[],
  version?: number,
  filters?: readonly (readonly [string, string, string | number])[],
  env: Readonly<Record<string, string>> = {},
): ForeignTable => {
  const script = resolve(import.meta.dirname, 'read_delta.py');
  const extra = version === undefined && !filters ? [] : [String(version ?? '')];
  const run = spawnSync(
    python ?? '',
    [script, path, order.join(','), ...extra, ...(filters ? [JSON.stringify(filters)] : [])],
    { encoding: 'utf8', maxBuffer: 1 << 28, env: { ...process.env, ...env } },
  );
  if (run.status !== 0)
    throw new Error(
      `delta-rs cannot read ${path} (${run.signal ?? run.status}, ${run.stdout?.length} characters of output): ${run.stderr}`,
    );
  return JSON.parse(run.stdout) as ForeignTable;
};
