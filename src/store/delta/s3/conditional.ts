import { randomUUID } from 'node:crypto';
import { AssayError, error } from '../../../errors/index.js';
import type { Bucket } from './bucket.js';

/** An object that says which lake this is: a lake that was made anew under the same prefix is another one. */
const LAKE = '_assay/lake.json';

const idOf = (bucket: Bucket, key: string, content: Buffer): string => {
  const id = /^\{"lake":"([0-9a-f-]{36})"\}$/.exec(content.toString('utf8'))?.[1];
  if (id === undefined)
    throw error('delta-corrupt', { file: `s3://${bucket.name}/${key}`, why: 'it does not say which lake this is' });
  return id;
};

/** What a store says that does not know the condition, or knows it and says so. */
const notHonoured = (bucket: Bucket) => (thrown: unknown) => {
  if (thrown instanceof AssayError && thrown.parameters['why'] === 'NotImplemented')
    throw error('bucket-unsafe', { bucket: bucket.name, endpoint: bucket.store.endpoint }, thrown);
  throw thrown;
};

/**
 * Gives the lake's id, made on the first call, and makes sure that the store keeps what is there when two write under one key: a
 * store that does not would lose commits. Errors: `bucket-unsafe`, those of the bucket.
 */
export const openLakeObject = async (bucket: Bucket, prefix: string): Promise<string> => {
  const key = prefix === '' ? LAKE : `${prefix}/${LAKE}`;
  let there = await bucket.read(key);
  if (!there) {
    await bucket.putIfAbsent(key, Buffer.from(JSON.stringify({ lake: randomUUID() }))).catch(notHonoured(bucket));
    there = await bucket.read(key);
  }
  if (!there) throw error('bucket-refused', { bucket: bucket.name, key, why: 'what was written is not there' });
  const id = idOf(bucket, key, there);
  if (!(await refusesSecond(bucket, key, there)))
    throw error('bucket-unsafe', { bucket: bucket.name, endpoint: bucket.store.endpoint });
  return id;
};

/** Writes what is there already: a store that honours the condition says no, any other changes nothing. */
const refusesSecond = async (bucket: Bucket, key: string, content: Buffer): Promise<boolean> => {
  const { sdk, client } = bucket.store;
  const answer = await bucket
    .ask(key, undefined, () =>
      client.send(new sdk.PutObjectCommand({ Bucket: bucket.name, Key: key, Body: content, IfNoneMatch: '*' })),
    )
    .catch(notHonoured(bucket));
  return answer.kind === 'condition';
};
