import { GetObjectCommand, HeadBucketCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bucketOf } from '../../src/store/delta/s3/bucket.js';
import { openClient } from '../../src/store/delta/s3/client.js';
import { openLakeObject } from '../../src/store/delta/s3/conditional.js';
import { type Fate, type Passing, type S3Proxy, startProxy } from './s3-proxy.js';
import { CREDENTIALS, hasS3, isStrict, NO_S3, type S3Server, startS3 } from './s3-server.js';

const ci = process.env['CI'] === 'true';
if (!hasS3 && !ci) process.stderr.write(`s3-commits is skipped: ${NO_S3}\n`);
/** Many tries, short waits: what is proven does not hang on how long they take. */
const patience = { tries: 6, first: 1, longest: 10 };

describe.skipIf(!hasS3 && !ci)('commits in a bucket', () => {
  let server: S3Server;
  let proxy: S3Proxy;
  let name: string;
  let keys = 0;
  beforeAll(async () => {
    server = await startS3();
    proxy = await startProxy(server.endpoint, !isStrict);
    name = await server.bucket();
    await server.client.send(new HeadBucketCommand({ Bucket: name }));
  });
  afterAll(async () => {
    await proxy?.stop();
    await server?.stop();
  });

  const open = async (
    options: { endpoint?: string; region?: string; bucket?: string; credentials?: typeof CREDENTIALS } = {},
  ) =>
    bucketOf(
      await openClient({ endpoint: proxy.endpoint, credentials: CREDENTIALS, patience, silence: 5000, ...options }),
      options.bucket ?? name,
    );
  const freshKey = () => `t/_delta_log/${String(keys++).padStart(20, '0')}.json`;
  /** What the server has, asked behind the proxy's back. */
  const stored = async (Key: string): Promise<string | undefined> => {
    try {
      return await (await server.client.send(new GetObjectCommand({ Bucket: name, Key }))).Body?.transformToString();
    } catch {
      return undefined;
    }
  };
  const onPut = (fate: (passing: Passing) => Fate | Promise<Fate>) =>
    proxy.rule((passing) => (passing.method === 'PUT' ? fate(passing) : 'pass'));
  const puts = () => proxy.seen.filter(({ method }) => method === 'PUT').length;

  it('have one winner among sixteen', async () => {
    proxy.rule(() => 'pass');
    for (let round = 0; round < 5; round++) {
      const key = freshKey();
      const racers = await Promise.all(Array.from({ length: 16 }, () => open()));
      const won = await Promise.all(racers.map((bucket, i) => bucket.putIfAbsent(key, Buffer.from(`racer ${i}\n`))));
      expect(won.filter((one) => one)).toHaveLength(1);
      expect(await stored(key)).toBe(`racer ${won.indexOf(true)}\n`);
    }
  });

  it('whose answer was lost are known as ours, and are made once', async () => {
    const key = freshKey();
    onPut(({ before }) => (before === 0 ? 'lose-answer' : 'pass'));
    expect(await (await open()).putIfAbsent(key, Buffer.from('mine'))).toBe(true);
    expect(await stored(key)).toBe('mine');
  });

  it('whose every answer was lost are known as ours, too', async () => {
    const key = freshKey();
    onPut(() => 'lose-answer');
    expect(await (await open()).putIfAbsent(key, Buffer.from('mine'))).toBe(true);
    expect(await stored(key)).toBe('mine');
  });

  it('of another one are not taken for ours when our own answer is lost', async () => {
    const key = freshKey();
    await (await open()).putIfAbsent(key, Buffer.from('theirs'));
    onPut(({ before }) => (before === 0 ? 'lose-answer' : 'pass'));
    expect(await (await open()).putIfAbsent(key, Buffer.from('mine'))).toBe(false);
    expect(await stored(key)).toBe('theirs');
  });

  it('that never came are sent again', async () => {
    const key = freshKey();
    onPut(({ before }) => (before < 3 ? 'break' : 'pass'));
    expect(await (await open()).putIfAbsent(key, Buffer.from('mine'))).toBe(true);
    expect(await stored(key)).toBe('mine');
    expect(puts()).toBe(4);
  });

  it('that come late or twice change nothing', async () => {
    const key = freshKey();
    let first: Passing | undefined;
    onPut((passing) => {
      if (passing.before > 0) return 'pass';
      first = passing;
      return 'break';
    });
    expect(await (await open()).putIfAbsent(key, Buffer.from('mine'))).toBe(true);
    // The first try, thought lost, comes after all; then once more.
    expect(await first?.forward()).toBe(412);
    expect(await first?.forward()).toBe(412);
    expect(await stored(key)).toBe('mine');
    expect(await (await open()).putIfAbsent(key, Buffer.from('other'))).toBe(false);
  });

  it('are tried again where the store is overloaded, failing or undecided', async () => {
    for (const [status, code] of [
      [500, 'InternalError'],
      [503, 'SlowDown'],
      [409, 'ConditionalRequestConflict'],
      [429, 'TooManyRequests'],
      [400, 'RequestTimeout'],
    ] as const) {
      const key = freshKey();
      onPut(({ before }) => (before < 2 ? { status, code } : 'pass'));
      expect(await (await open()).putIfAbsent(key, Buffer.from(code))).toBe(true);
      expect(await stored(key)).toBe(code);
    }
  });

  it('end with an error that names the key and no secret when the store stays away', async () => {
    const key = freshKey();
    onPut(() => ({ status: 503, code: 'SlowDown' }));
    const failed = await (await open()).putIfAbsent(key, Buffer.from('x')).catch((thrown: unknown) => thrown);
    expect(failed).toMatchObject({ code: 'bucket-unreachable', parameters: { bucket: name, key, why: 'SlowDown' } });
    expect(puts()).toBe(patience.tries);
    expect(await stored(key)).toBeUndefined();
    expect(JSON.stringify([(failed as Error).message, (failed as { hint: string }).hint])).not.toContain('geheim');
  });

  it('say what is wrong with the bucket', async () => {
    const refusal = async (of: Parameters<typeof open>[0], fate?: Fate) => {
      proxy.rule(() => fate ?? 'pass');
      const bucket = await open(of);
      return openLakeObject(bucket, 'p').then(
        () => undefined,
        (thrown: unknown) => thrown as { code: string; message: string; hint?: string },
      );
    };
    expect(await refusal({ bucket: 'assay-no-such-bucket' })).toMatchObject({ code: 'bucket-missing' });
    expect(await refusal({}, { status: 403, code: 'AccessDenied' })).toMatchObject({
      code: 'bucket-forbidden',
      message: expect.stringContaining('AccessDenied'),
    });
    expect(await refusal({}, { status: 400, code: 'ExpiredToken' })).toMatchObject({ code: 'bucket-forbidden' });
    expect(await refusal({}, { status: 403, code: 'RequestTimeTooSkewed' })).toMatchObject({ code: 'bucket-clock' });
    expect(
      await refusal({}, { status: 301, code: 'PermanentRedirect', headers: { 'x-amz-bucket-region': 'eu-west-2' } }),
    ).toMatchObject({ code: 'bucket-region', hint: 'set AWS_REGION to eu-west-2' });
    expect(await refusal({}, { status: 400, code: 'AuthorizationHeaderMalformed' })).toMatchObject({
      code: 'bucket-region',
    });
    const closed = await refusal({ endpoint: 'http://127.0.0.1:1' });
    expect(closed).toMatchObject({
      code: 'bucket-unreachable',
      message: expect.stringContaining('at http://127.0.0.1:1 (ECONNREFUSED)'),
    });
    if (isStrict)
      expect(await refusal({ credentials: { accessKeyId: 'nobody', secretAccessKey: 'geheim-geheim' } })).toMatchObject(
        { code: 'bucket-forbidden' },
      );
  });

  it('go on after the store has told its time', async () => {
    proxy.rule(({ before, method }) =>
      before === 0 && method === 'GET' ? { status: 403, code: 'RequestTimeTooSkewed' } : 'pass',
    );
    expect(await openLakeObject(await open(), 'skewed')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('are refused in a store that does not honour the condition', async () => {
    proxy.rule(({ headers: { 'if-none-match': _ignored, ...headers } }) => ({ headers }));
    const ignoring = await open();
    if (!isStrict) await expect(openLakeObject(ignoring, 'ignored')).rejects.toMatchObject({ code: 'bucket-unsafe' });
    proxy.rule(({ headers }) =>
      headers['if-none-match'] === undefined ? 'pass' : { status: 501, code: 'NotImplemented' },
    );
    await expect(openLakeObject(await open(), 'unknown')).rejects.toMatchObject({
      code: 'bucket-unsafe',
      message: expect.stringContaining('If-None-Match'),
    });
  });

  it('give a lake one id, however many open it at once', async () => {
    proxy.rule(() => 'pass');
    const ids = await Promise.all(Array.from({ length: 8 }, async () => openLakeObject(await open(), 'one')));
    expect(new Set(ids).size).toBe(1);
    expect(await openLakeObject(await open(), 'two')).not.toBe(ids[0]);
  });
});
