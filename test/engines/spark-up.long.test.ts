import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AssayError } from '../../src/errors/index.js';
import { noEmit } from '../../src/query/index.js';
import { openSpark, type SparkGateway, type SparkOptions } from '../../src/store/engine/index.js';
import { hasSpark, NO_SPARK } from './spark-server.js';

const TOKEN = 'a token of this test';
const assay = resolve(import.meta.dirname, '../../bin/assay.js');
const dir = mkdtempSync(join(tmpdir(), 'assay-spark-up-'));

interface Up {
  readonly child: ChildProcess;
  readonly code: Promise<number | null>;
  /** What it printed to both ends. */
  said(): string;
  /** The address that it printed; rejects when it ended before. */
  readonly url: Promise<string>;
}
const up = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Up => {
  const child = spawn(process.execPath, [assay, 'spark', 'up', '--dir', dir, ...args], {
    env: { ...process.env, ASSAY_HOME: join(dir, 'home'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  const code = new Promise<number | null>((done) => child.once('exit', (status) => done(status)));
  const url = new Promise<string>((found, failed) => {
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const line = /^ASSAY_SPARK=(\S+)$/m.exec(text)?.[1];
        if (line) found(line);
      });
    void code.then(() => failed(new Error(text)));
  });
  url.catch(() => {});
  return { child, code, said: () => text, url };
};
const listens = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect({ host: '127.0.0.1', port });
    const end = (open: boolean): void => {
      socket.destroy();
      done(open);
    };
    socket.once('connect', () => end(true)).once('error', () => end(false));
  });
const untilClosed = async (port: number): Promise<void> => {
  while (await listens(port)) await pause(20);
};
const portOf = (url: string): number => Number(/:(\d+)$/.exec(url)?.[1]);
const failure = (work: Promise<unknown>): Promise<AssayError> =>
  work.then(
    () => expect.unreachable('it did not fail'),
    (thrown: AssayError) => thrown,
  );
const drain = async (gateway: SparkGateway, sql: string, options: SparkOptions = {}): Promise<bigint[]> => {
  const values: bigint[] = [];
  for await (const batch of gateway.query(sql, options)) values.push(...(batch.values[0] as bigint[]));
  return values;
};
/** Takes a minute or so, on any machine longer than these tests wait. */
const LONG = 'SELECT count(*) FROM range(0, 20000000000, 1, 8) WHERE sqrt(id) < 0';

describe.skipIf(!hasSpark && process.env['CI'] !== 'true')(
  `assay spark up (${hasSpark ? 'Java, Maven' : NO_SPARK})`,
  () => {
    let server: Up;
    let url: string;
    let spark: SparkGateway;
    const open = (patience?: number) =>
      openSpark({
        url: `${url}/;token=${encodeURIComponent(TOKEN)}`,
        emit: noEmit,
        ...(patience === undefined ? {} : { patience }),
      });
    beforeAll(async () => {
      server = up(['--port', '0', '--memory', '1g'], { SPARK_CONNECT_AUTHENTICATE_TOKEN: TOKEN });
      url = await server.url;
      spark = await open();
    });
    afterAll(async () => {
      server?.child.kill('SIGTERM');
      await server?.code;
      rmSync(dir, { recursive: true, force: true });
    });

    it('lets in who has its token, and nobody else', async () => {
      expect(await drain(spark, 'SELECT 1L')).toEqual([1n]);
      for (const wrong of [url, `${url}/;token=another`]) {
        const refused = await failure(openSpark({ url: wrong, emit: noEmit, patience: 0 }));
        expect([refused.code, refused.message.includes('token of this')]).toEqual(['spark-refused', false]);
      }
    });
    it('says which port is taken', async () => {
      const taken = up(['--port', String(portOf(url))]);
      expect([await taken.code, taken.said()]).toEqual([1, expect.stringContaining(`port ${portOf(url)} is in use`)]);
    });

    it('stops a statement by its signal, in the server and at once', async () => {
      const stop = new AbortController();
      let at = 0;
      const onProgress = (p: { running: number }): void => {
        if (p.running === 0 || stop.signal.aborted) return;
        at = performance.now();
        stop.abort();
      };
      expect((await failure(drain(spark, LONG, { signal: stop.signal, onProgress }))).code).toBe('cancelled');
      const took = Math.round(performance.now() - at);
      process.stdout.write(`a statement of Spark ended ${took} ms after it was cancelled\n`);
      // A tenth of a second where nothing else runs; the statement would take a minute and more.
      expect(took).toBeLessThan(10_000);
      // Its tasks have left the cores.
      expect(await drain(spark, 'SELECT count(*) FROM range(0, 1000, 1, 4)')).toEqual([1000n]);
    });
    it('stops statements by their tag, and leaves others alone', async () => {
      let asked = false;
      const onProgress = (p: { running: number }): void => {
        if (p.running === 0 || asked) return;
        asked = true;
        void spark.cancel('nightly');
      };
      const other = drain(spark, 'SELECT count(*) FROM range(0, 1000000, 1, 4) WHERE sqrt(id) >= 0', { tag: 'other' });
      expect((await failure(drain(spark, LONG, { tag: 'nightly', onProgress }))).code).toBe('cancelled');
      expect(await other).toEqual([1_000_000n]);
    });
    it('stops a statement at its time limit, before it began, and when its reader has enough', async () => {
      const failed = await failure(drain(spark, LONG, { milliseconds: 1_000 }));
      expect([failed.code, failed.parameters]).toEqual(['time-limit', { milliseconds: 1_000 }]);
      expect((await failure(drain(spark, 'SELECT 1L', { signal: AbortSignal.abort() }))).code).toBe('cancelled');
      expect((await failure(spark.dryRun('SELECT 1', { signal: AbortSignal.abort() }))).code).toBe('cancelled');
      let seen = 0;
      for await (const batch of spark.query('SELECT id FROM range(0, 100000000, 1, 64)')) {
        seen += batch.length;
        if (seen > 10_000) break;
      }
      expect(await drain(spark, 'SELECT count(*) FROM range(10)')).toEqual([10n]);
    });

    it('dies with its parent; a session of a server that came back is lost, and the next one works', async () => {
      const port = portOf(url);
      let killed = false;
      const onProgress = (p: { running: number }): void => {
        if (p.running === 0 || killed) return;
        killed = true;
        server.child.kill('SIGKILL');
      };
      const long = failure(drain(spark, LONG, { onProgress }));
      await server.code;
      await untilClosed(port);
      server = up(['--port', String(port), '--memory', '1g'], { SPARK_CONNECT_AUTHENTICATE_TOKEN: TOKEN });
      await server.url;
      const lost = await long;
      expect(['spark-session-lost', 'spark-unavailable']).toContain(lost.code);
      const after = await failure(spark.execute('SELECT 1'));
      expect([after.code, String(after.parameters['condition'])]).toEqual([
        'spark-session-lost',
        expect.stringMatching(/^INVALID_HANDLE\.SESSION_/),
      ]);
      await spark.close();
      spark = await open();
      expect(await drain(spark, 'SELECT 2L')).toEqual([2n]);
    });
    it('stops its server when it is told to', async () => {
      await spark.close();
      server.child.kill('SIGTERM');
      expect(await server.code).toBe(0);
      expect(await listens(portOf(url))).toBe(false);
      const gone = await failure(open(200));
      expect([gone.code, gone.parameters['why']]).toEqual(['spark-unavailable', 'nobody listens there']);
    });
  },
);

describe('what assay spark up cannot work with', () => {
  /** A folder with stand-ins of programs; the PATH leads to it and to node alone. */
  const programs = (scripts: Readonly<Record<string, string>>): Record<string, string> => {
    const bin = mkdtempSync(join(tmpdir(), 'assay-spark-path-'));
    made.push(bin);
    mkdirSync(join(bin, 'bin'));
    for (const [name, script] of Object.entries(scripts)) {
      writeFileSync(join(bin, 'bin', name), `#!/bin/sh\n${script}\n`);
      chmodSync(join(bin, 'bin', name), 0o755);
    }
    symlinkSync('/bin/sh', join(bin, 'bin', 'sh'));
    return { PATH: join(bin, 'bin'), JAVA_HOME: '', ASSAY_HOME: bin };
  };
  const made: string[] = [];
  afterAll(() => {
    for (const folder of made) rmSync(folder, { recursive: true, force: true });
  });
  const java = (version: string) => `echo 'openjdk version "${version}" 2025-04-15' >&2`;
  it.each([
    ['no Java', {}, 'Java is not installed'],
    ['an old Java', { java: java('11.0.2') }, 'Java 11 is not one of'],
    ['no Maven', { java: java('17.0.15') }, 'Maven (mvn) is not installed'],
    [
      'no repository',
      { java: java('17.0.15'), mvn: 'echo "Could not transfer artifact x: Unknown host repo"; exit 1' },
      'repository is not reachable',
    ],
    ['a broken Maven', { java: java('21'), mvn: 'echo "what?"; exit 1' }, 'Maven could not fetch Spark'],
  ])('%s', async (_what, scripts, said) => {
    const env = programs(scripts);
    const child = up(['--port', '0', '--dir', join(String(env['ASSAY_HOME']), 'spark')], env);
    expect([await child.code, child.said()]).toEqual([1, expect.stringContaining(said)]);
  });
  it('a port that another program has, and flags that make no sense', async () => {
    const other = createServer();
    await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
    const address = other.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const taken = up(['--port', String(port)]);
    expect([await taken.code, taken.said()]).toEqual([1, expect.stringContaining(`port ${port} is in use`)]);
    other.close();
    const flags = up(['--memory', 'much']);
    expect([await flags.code, flags.said()]).toEqual([2, expect.stringContaining('--memory much')]);
  });
});
