import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { filesAt, holdNamed, type Mount, mountLake } from '../../src/store/delta/index.js';
import { type Fate, type S3Proxy, startProxy } from './s3-proxy.js';
import { CREDENTIALS, hasS3, isStrict, NO_S3, type S3Server, startS3 } from './s3-server.js';

const ci = process.env['CI'] === 'true';
if (!hasS3 && !ci) process.stderr.write(`s3-copies is skipped: ${NO_S3}\n`);
const patience = { tries: 5, first: 1, longest: 10 };

/** Bytes that begin and end as Parquet does. */
const parquetLike = (size: number): Buffer =>
  Buffer.concat([Buffer.from('PAR1'), randomBytes(size - 8), Buffer.from('PAR1')]);
const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe.skipIf(!hasS3 && !ci)('files of a bucket', () => {
  let server: S3Server;
  let proxy: S3Proxy;
  let bucket: string;
  let home: string;
  const mounts: Mount[] = [];
  let prefixes = 0;
  beforeAll(async () => {
    server = await startS3();
    proxy = await startProxy(server.endpoint, !isStrict);
    bucket = await server.bucket();
    home = await mkdtemp(join(tmpdir(), 'assay-s3-'));
  });
  beforeEach(() => proxy.rule(() => 'pass'));
  afterAll(async () => {
    for (const mount of mounts) await mount.close();
    await proxy?.stop();
    await server?.stop();
    await rm(home, { recursive: true, force: true });
  });

  const mount = async (address: string, options: { cacheBytes?: number; cacheDir?: string; writes?: boolean } = {}) => {
    const made = await mountLake({
      ...{ endpoint: proxy.endpoint, credentials: CREDENTIALS, patience, silence: 5000, writes: true },
      ...{ address, cacheDir: join(home, 'copies'), ...options },
    });
    mounts.push(made);
    return made;
  };
  const fresh = async (options?: Parameters<typeof mount>[1]) => {
    prefixes += 1;
    const address = `s3://${bucket}/lake-${prefixes}`;
    await mount(address, options);
    return { address, files: filesAt(`${address}/gold/t`) };
  };
  /** Writes a file as an engine would, and sends it. */
  const write = async (files: ReturnType<typeof filesAt>, path: string, content: Buffer) => {
    const folder = path.slice(0, path.lastIndexOf('/'));
    await files.makeFolder(folder);
    await writeFile(files.location(path), content);
    await files.sync([path]);
  };
  const gets = () => proxy.seen.filter(({ method }) => method === 'GET').length;
  it('are listed whole, however many pages they take, in order, with folders', async () => {
    const { files } = await fresh();
    const names = Array.from({ length: isStrict ? 1100 : 230 }, (_, i) => `${String(i).padStart(20, '0')}.json`);
    for (let at = 0; at < names.length; at += 50)
      await Promise.all(names.slice(at, at + 50).map((name) => files.put(`_delta_log/${name}`, name)));
    await files.put('d/step 1/part é+%25.parquet', 'x');
    await files.put('d/step 2/a', 'y');
    expect(await files.list('_delta_log')).toEqual(names);
    expect(await files.list('_delta_log', names[225])).toEqual(names.slice(225));
    expect(await files.list('d')).toEqual(['step 1', 'step 2']);
    expect(await files.list('none')).toEqual([]);
    expect(await files.walk('d')).toEqual(['d/step 1/part é+%25.parquet', 'd/step 2/a']);
    expect((await files.survey('_delta_log')).map(({ path, size }) => [path, size])).toEqual(
      names.map((name) => [`_delta_log/${name}`, 25]),
    );
    await files.removeFolder('.');
    expect(await files.walk('.')).toEqual([]);
  });

  it('are read whole and in parts, and absent ones are absent', async () => {
    const { files } = await fresh();
    await files.put('a', '0123456789');
    expect(String(await files.read('a'))).toBe('0123456789');
    expect(String(await files.read('a', { from: 2, length: 3 }))).toBe('234');
    expect(String(await files.read('a', { from: 8, length: 30 }))).toBe('89');
    expect(String(await files.read('a', { from: 20, length: 3 }))).toBe('');
    expect(await files.read('b')).toBeUndefined();
    expect(await files.stat('b')).toBeUndefined();
    expect((await files.stat('a'))?.size).toBe(10);
    await files.removeFiles(['a', 'b']);
    expect(await files.read('a')).toBeUndefined();
  });

  it('are sent in parts when they are large, and come back as they were', async () => {
    const { address, files } = await fresh();
    const content = parquetLike(40 * 2 ** 20 + 12_345);
    // One part's answer is lost, one is refused for a while.
    proxy.rule(({ path, before }) =>
      before > 0 || !path.includes('partNumber=')
        ? 'pass'
        : path.includes('partNumber=2')
          ? 'lose-answer'
          : { status: 503, code: 'SlowDown' },
    );
    await write(files, 'd/s/big.parquet', content);
    expect(proxy.seen.some(({ path }) => path.includes('partNumber=3'))).toBe(true);
    expect((await files.stat('d/s/big.parquet'))?.size).toBe(content.length);
    // A reader of another home has no copy; the connection breaks twice on the way.
    await mount(address, { cacheDir: join(home, 'elsewhere') });
    const other = filesAt(`${address}/gold/t`);
    proxy.rule(({ method, path, before }) =>
      method === 'GET' && path.includes('big.parquet') && before < 2 ? { breakAfter: 9_000_000 } : 'pass',
    );
    const held = await other.hold([{ path: 'd/s/big.parquet', size: content.length }]);
    expect(hash(await readFile(other.location('d/s/big.parquet')))).toBe(hash(content));
    held.release();
    expect(existsSync(other.location('d/s/big.parquet'))).toBe(false);
  });

  it('that cannot be sent leave nothing behind', async () => {
    const { files } = await fresh();
    await files.makeFolder('d/s');
    await writeFile(files.location('d/s/big.parquet'), parquetLike(40 * 2 ** 20));
    proxy.rule(({ path }) => (path.includes('partNumber=3') ? { status: 403, code: 'AccessDenied' } : 'pass'));
    await expect(files.sync(['d/s/big.parquet'])).rejects.toMatchObject({ code: 'bucket-forbidden' });
    const { Uploads = [] } = await server.client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    expect(Uploads).toEqual([]);
    expect(await files.walk('d')).toEqual([]);
  });

  it('that were written here need not be fetched, and those of others are fetched once', async () => {
    const { address, files } = await fresh();
    const content = parquetLike(1000);
    await write(files, 'd/s/a.parquet', content);
    proxy.rule(() => 'pass');
    (await files.hold([{ path: 'd/s/a.parquet', size: 1000 }])).release();
    expect(gets()).toBe(0);
    await mount(address, { cacheDir: join(home, 'third') });
    const other = filesAt(`${address}/gold/t`);
    proxy.rule(() => 'pass');
    const statement = `SELECT * FROM read_parquet(['${other.location('d/s/a.parquet', 1000)}'])`;
    const held = await Promise.all([1, 2, 3].map(() => holdNamed([statement])));
    expect(gets()).toBe(1);
    expect(hash(await readFile(other.location('d/s/a.parquet')))).toBe(hash(content));
    for (const one of held) one?.release();
    expect(holdNamed(['SELECT 1', "SELECT '/elsewhere/d/s/a.parquet'"])).toBeUndefined();
  });

  it('are fetched again when the copy is short, damaged or of another size than the log says', async () => {
    const { files } = await fresh();
    const content = parquetLike(5000);
    await write(files, 'd/s/a.parquet', content);
    const shared = async () => {
      const found = (await readdir(join(home, 'copies'), { recursive: true, withFileTypes: true })).filter(
        (entry) =>
          entry.isFile() && entry.parentPath.includes(`lake-${prefixes}`) && entry.parentPath.includes('/objects'),
      );
      expect(found).toHaveLength(1);
      return join(found[0]?.parentPath ?? '', found[0]?.name ?? '');
    };
    const again = async () => {
      const held = await files.hold([{ path: 'd/s/a.parquet', size: 5000 }]);
      expect(hash(await readFile(files.location('d/s/a.parquet')))).toBe(hash(content));
      held.release();
    };
    await again();
    await truncate(await shared(), 100);
    await again();
    // A process that comes later looks into copies that it did not make.
    await writeFile(await shared(), Buffer.alloc(5000));
    await mount(`s3://${bucket}/lake-${prefixes}`);
    const later = filesAt(`s3://${bucket}/lake-${prefixes}/gold/t`);
    const held = await later.hold([{ path: 'd/s/a.parquet', size: 5000 }]);
    expect(hash(await readFile(later.location('d/s/a.parquet')))).toBe(hash(content));
    held.release();
    await expect(later.hold([{ path: 'd/s/a.parquet', size: 4999 }])).rejects.toMatchObject({
      code: 'delta-corrupt',
      message: expect.stringContaining('it has 5000 bytes, and the log says 4999'),
    });
    await expect(later.hold([{ path: 'd/s/none.parquet' }])).rejects.toMatchObject({
      code: 'delta-corrupt',
      message: `s3://${bucket}/lake-${prefixes}/gold/t/d/s/none.parquet is damaged: it is missing`,
    });
  });

  it('of the log are asked for each time: a checkpoint may be replaced', async () => {
    const { files } = await fresh();
    const path = '_delta_log/00000000000000000010.checkpoint.parquet';
    const [one, two] = [parquetLike(700), parquetLike(700)];
    const text = (bytes: Buffer) => bytes.toString('latin1');
    for (const content of [one, two]) {
      await writeFile(join(home, 'checkpoint'), content);
      await files.makeFolder('_delta_log');
      await writeFile(files.location('_delta_log/.x.tmp'), content);
      if (content === two) await files.removeFile(path);
      expect(await files.moveIfAbsent('_delta_log/.x.tmp', path)).toBe(true);
      const held = await files.hold([{ path }]);
      expect(text(await readFile(files.location(path)))).toBe(text(content));
      held.release();
    }
    await files.makeFolder('_delta_log');
    await writeFile(files.location('_delta_log/.y.tmp'), one);
    expect(await files.moveIfAbsent('_delta_log/.y.tmp', path)).toBe(false);
    expect(existsSync(files.location('_delta_log/.y.tmp'))).toBe(false);
    expect(await files.list('_delta_log')).toEqual(['00000000000000000010.checkpoint.parquet']);
  });

  it('are kept within the bytes that are allowed, the least recently used go, and none that is read', async () => {
    const cacheDir = join(home, 'small');
    const { address, files } = await fresh({ cacheBytes: 10_000, cacheDir });
    await mount(address, { cacheBytes: 10_000, cacheDir });
    const other = filesAt(`${address}/gold/t`);
    const paths = Array.from({ length: 8 }, (_, i) => `d/s${i}/a.parquet`);
    const contents = paths.map(() => parquetLike(3000));
    for (const [i, path] of paths.slice(0, 2).entries()) await write(files, path, contents[i] ?? Buffer.alloc(0));
    const bytes = async () => {
      const found = (await readdir(cacheDir, { recursive: true, withFileTypes: true })).filter(
        (entry) => entry.isFile() && entry.parentPath.includes('/objects'),
      );
      for (const { parentPath, name } of found) await utimes(join(parentPath, name), 1, 1);
      return found.length * 3000;
    };
    // One process reads the first; the other one writes and reads all the rest.
    const first = await other.hold([{ path: paths[0] ?? '', size: 3000 }]);
    const own = other.location(paths[0] ?? '');
    for (const [i, path] of paths.entries()) {
      if (i >= 2) await write(files, path, contents[i] ?? Buffer.alloc(0));
      (await files.hold([{ path, size: 3000 }])).release();
      expect(await bytes()).toBeLessThanOrEqual(10_000);
    }
    expect(hash(await readFile(own))).toBe(hash(contents[0] ?? Buffer.alloc(0)));
    first.release();
    const four = paths.slice(0, 4).map((path) => ({ path, size: 3000 }));
    await expect(files.hold(four)).rejects.toMatchObject({
      code: 'lake-cache-full',
      parameters: { needed: 12_000, limit: 10_000 },
    });
    const three = await files.hold(four.slice(0, 3));
    for (const [i, { path }] of four.slice(0, 3).entries())
      expect(hash(await readFile(files.location(path)))).toBe(hash(contents[i] ?? Buffer.alloc(0)));
    three.release();
  });

  it('leave no trace of a process that was killed, and none of a lake that is not there any more', async () => {
    const cacheDir = join(home, 'killed');
    const { address, files } = await fresh({ cacheDir });
    const [lake] = await readdir(cacheDir);
    await write(files, 'd/s/a.parquet', parquetLike(100));
    const dead = join(cacheDir, lake ?? '', 'process-999999999-00000000-0000-4000-8000-000000000000');
    await mkdir(join(dead, 'coming'), { recursive: true });
    await writeFile(join(dead, 'coming', 'half'), 'half');
    await (await mount(address, { cacheDir })).close();
    expect(existsSync(dead)).toBe(false);
    await filesAt(address).removeFolder('.');
    for (const one of mounts.filter((other) => other.address === address)) await one.close();
    await mount(address, { cacheDir });
    expect(await readdir(cacheDir)).not.toEqual([lake]);
    expect(await readdir(cacheDir)).toHaveLength(1);
  });

  it('can be waited for no longer than wanted, and others who wait get theirs', async () => {
    const { address, files } = await fresh();
    await write(files, 'd/s/a.parquet', parquetLike(100));
    await mount(address, { cacheDir: join(home, 'waiting') });
    const other = filesAt(`${address}/gold/t`);
    let open = () => {};
    const gate = new Promise<void>((done) => {
      open = done;
    });
    proxy.rule(async ({ method }): Promise<Fate> => {
      if (method === 'GET') await gate;
      return 'pass';
    });
    const stop = new AbortController();
    const impatient = other.hold([{ path: 'd/s/a.parquet' }], stop.signal);
    const patient = other.hold([{ path: 'd/s/a.parquet' }]);
    stop.abort();
    await expect(impatient).rejects.toMatchObject({ code: 'cancelled' });
    open();
    (await patient).release();
  });

  it('can be read without a right to write', async () => {
    const { address, files } = await fresh();
    await files.put('a', 'x');
    proxy.rule(({ method }) =>
      method === 'GET' || method === 'HEAD' ? 'pass' : { status: 403, code: 'AccessDenied' },
    );
    await mount(address, { writes: false });
    expect(String(await filesAt(`${address}/gold/t`).read('a'))).toBe('x');
    await expect(mount('s3://assay-no-such-bucket/x', { writes: false })).rejects.toMatchObject({
      code: 'bucket-missing',
    });
    expect(() => filesAt('s3://assay-not-mounted/x')).toThrow(/has not opened/);
  });
});
