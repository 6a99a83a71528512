import { error } from '../../../errors/index.js';
import type { ByteRange, FileFacts } from '../files.js';
import type { StoreClient } from './client.js';
import { type Outcome, patiently } from './patience.js';

/** An object of a listing. */
export interface ListedObject extends FileFacts {
  readonly key: string;
}

export interface Listing {
  readonly objects: readonly ListedObject[];
  /** Prefixes with a slash at the end, where the listing stops at slashes. */
  readonly folders: readonly string[];
}

/** One bucket. Every call tries again what may go through, and fails with an error that names bucket and key, never a secret. */
export interface Bucket {
  readonly name: string;
  readonly store: StoreClient;
  /** Sends one request patiently. */
  ask<T>(key: string, signal: AbortSignal | undefined, send: (attempt: number) => Promise<T>): Promise<Outcome<T>>;
  /** Everything that begins with a prefix; `flat` stops at the next slash. `after`: only keys behind this one. */
  list(prefix: string, options?: { readonly flat?: boolean; readonly after?: string }): Promise<Listing>;
  /** Undefined: there is no such object. */
  read(key: string, range?: ByteRange): Promise<Buffer | undefined>;
  facts(key: string): Promise<FileFacts | undefined>;
  /** Makes or replaces an object. */
  put(key: string, content: Uint8Array): Promise<void>;
  /** False: another one has the key. A write whose answer was lost is recognised by its content. */
  putIfAbsent(key: string, content: Uint8Array): Promise<boolean>;
  /** Absent ones are fine. */
  remove(keys: readonly string[]): Promise<void>;
}

/** Objects that one request may remove. */
const REMOVED_AT_ONCE = 1000;

/** The identity that a store gives an object's content, without the quotes. */
const factsFrom = (of: {
  readonly ETag?: string | undefined;
  readonly LastModified?: Date | undefined;
  readonly ContentLength?: number | undefined;
  readonly Size?: number | undefined;
}): FileFacts => ({
  size: of.ContentLength ?? of.Size ?? 0,
  modified: of.LastModified?.getTime() ?? 0,
  identity: (of.ETag ?? '').replaceAll('"', ''),
});

export const bucketOf = (store: StoreClient, name: string): Bucket => {
  const { sdk, client } = store;
  const ask: Bucket['ask'] = (key, signal, send) =>
    patiently(store.patience, { bucket: name, key, endpoint: store.endpoint, region: store.region }, signal, send);
  const at = (Key: string) => ({ Bucket: name, Key });
  /** For requests that have no other way to end. */
  const must = async <T>(key: string, send: () => Promise<T>): Promise<T> => {
    const answer = await ask(key, undefined, send);
    if (answer.kind === 'done') return answer.value;
    throw error('bucket-refused', {
      bucket: name,
      key,
      why: answer.kind === 'absent' ? 'NotFound' : 'PreconditionFailed',
    });
  };

  const read: Bucket['read'] = async (key, range) => {
    const part = range && { Range: `bytes=${range.from}-${range.from + range.length - 1}` };
    const answer = await ask(key, undefined, async () => {
      try {
        const { Body } = await client.send(new sdk.GetObjectCommand({ ...at(key), ...part }));
        return Body ? Buffer.from(await Body.transformToByteArray()) : Buffer.alloc(0);
      } catch (thrown) {
        // The part begins behind the object's end.
        if (thrown instanceof sdk.S3ServiceException && thrown.$metadata.httpStatusCode === 416) return Buffer.alloc(0);
        throw thrown;
      }
    });
    return answer.kind === 'done' ? answer.value : undefined;
  };

  const putIfAbsent: Bucket['putIfAbsent'] = async (key, content) => {
    for (;;) {
      const answer = await ask(key, undefined, (attempt) =>
        client
          .send(new sdk.PutObjectCommand({ ...at(key), Body: content, IfNoneMatch: '*' }))
          .then(() => true)
          .catch(async (thrown: unknown) => {
            // Whether a try without an answer was carried out shows at the key itself.
            if (attempt === store.patience.tries && (await read(key))?.equals(content)) return true;
            throw thrown;
          }),
      );
      if (answer.kind === 'done') return true;
      if (answer.kind === 'absent') throw error('bucket-missing', { bucket: name });
      if (!answer.unsure) return false;
      const there = await read(key);
      // Gone again: it may be free by now.
      if (there !== undefined) return there.equals(content);
    }
  };

  return {
    ...{ name, store, ask, read, putIfAbsent },
    list: async (prefix, { flat = false, after } = {}) => {
      const objects: ListedObject[] = [];
      const folders: string[] = [];
      let token: string | undefined;
      do {
        const page = await must(prefix, () =>
          client.send(
            new sdk.ListObjectsV2Command({
              ...{ Bucket: name, Prefix: prefix, ContinuationToken: token },
              ...(flat ? { Delimiter: '/' } : {}),
              ...(after === undefined ? {} : { StartAfter: after }),
            }),
          ),
        );
        for (const of of page.Contents ?? []) if (of.Key !== undefined) objects.push({ key: of.Key, ...factsFrom(of) });
        for (const of of page.CommonPrefixes ?? []) if (of.Prefix !== undefined) folders.push(of.Prefix);
        token = page.NextContinuationToken;
      } while (token !== undefined);
      return { objects, folders };
    },
    facts: async (key) => {
      const answer = await ask(key, undefined, () => client.send(new sdk.HeadObjectCommand(at(key))));
      return answer.kind === 'done' ? factsFrom(answer.value) : undefined;
    },
    put: async (key, content) => {
      await must(key, () => client.send(new sdk.PutObjectCommand({ ...at(key), Body: content })));
    },
    remove: async (keys) => {
      for (let i = 0; i < keys.length; i += REMOVED_AT_ONCE) {
        const Objects = keys.slice(i, i + REMOVED_AT_ONCE).map((Key) => ({ Key }));
        const { Errors = [] } = await must(Objects[0]?.Key ?? '', () =>
          client.send(new sdk.DeleteObjectsCommand({ Bucket: name, Delete: { Quiet: true, Objects } })),
        );
        const [first] = Errors.filter(({ Code }) => Code !== 'NoSuchKey');
        const { Key: key = '', Code: why = 'unknown' } = first ?? {};
        if (first)
          throw error(why === 'AccessDenied' ? 'bucket-forbidden' : 'bucket-refused', { bucket: name, key, why });
      }
    },
  };
};
