import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';

/** Another S3-compatible server instead of moto, such as MinIO, which was started by hand: `http://127.0.0.1:9000`. */
const outside = process.env['ASSAY_TEST_S3'];
const candidates = [join(tmpdir(), 'assay-venv', 'bin', 'python'), 'python3', 'python'];
const python = candidates.find(
  (name) =>
    (!name.includes('/') || existsSync(name)) &&
    spawnSync(name, ['-c', 'import moto.server'], { stdio: 'ignore' }).status === 0,
);

export const hasS3 = outside !== undefined || python !== undefined;
export const NO_S3 =
  "no Python with the package moto[server]: python3 -m venv /tmp/assay-venv && /tmp/assay-venv/bin/pip install 'moto[server]'";
/** Checks credentials and clocks, which moto does not. */
export const isStrict = outside !== undefined;

export const CREDENTIALS = {
  accessKeyId: process.env['ASSAY_TEST_S3_KEY'] ?? 'test-key',
  secretAccessKey: process.env['ASSAY_TEST_S3_SECRET'] ?? 'test-secret-geheim',
};

export interface S3Server {
  readonly endpoint: string;
  /** A client of the test's own. */
  readonly client: S3Client;
  /** Makes a bucket and gives its name. */
  bucket(): Promise<string>;
  stop(): Promise<void>;
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });

const freePort = async (): Promise<number> => {
  for (;;) {
    const port = 22_000 + Math.floor(Math.random() * 10_000);
    if (await isFree(port)) return port;
  }
};

const answers = async (endpoint: string, child: ChildProcess): Promise<boolean> => {
  for (;;) {
    if (child.exitCode !== null) return false;
    try {
      await fetch(endpoint, { method: 'HEAD' });
      return true;
    } catch {
      await pause(50);
    }
  }
};

const startMoto = async (): Promise<{ readonly endpoint: string; readonly child: ChildProcess }> => {
  for (let tries = 1; ; tries++) {
    const port = await freePort();
    const child = spawn(python ?? '', ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)], {
      stdio: 'ignore',
      // Small pages, so that listings of few objects have several.
      env: { ...process.env, MOTO_S3_DEFAULT_MAX_KEYS: '100' },
    });
    const endpoint = `http://127.0.0.1:${port}`;
    if (await answers(endpoint, child)) return { endpoint, child };
    if (tries === 5) throw new Error('moto does not start');
  }
};

let buckets = 0;

/** A real S3-compatible server: moto, or the one that ASSAY_TEST_S3 names. */
export const startS3 = async (): Promise<S3Server> => {
  const moto = outside === undefined ? await startMoto() : undefined;
  const endpoint = moto?.endpoint ?? outside ?? '';
  const client = new S3Client({ region: 'us-east-1', endpoint, forcePathStyle: true, credentials: CREDENTIALS });
  return {
    ...{ endpoint, client },
    bucket: async () => {
      buckets += 1;
      const Bucket = `assay-${process.pid}-${Date.now().toString(36)}-${buckets}`;
      await client.send(new CreateBucketCommand({ Bucket }));
      return Bucket;
    },
    stop: async () => {
      client.destroy();
      const child = moto?.child;
      if (!child || child.exitCode !== null) return;
      const gone = new Promise((done) => child.once('exit', done));
      child.kill('SIGKILL');
      await gone;
    },
  };
};
