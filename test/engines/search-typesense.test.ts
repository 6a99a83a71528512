import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Document } from '../../src/answer/search/documents.js';
import { engineBackend } from '../../src/answer/search/engines/engine-backend.js';
import { typesenseEngine } from '../../src/answer/search/engines/typesense-engine.js';
import { engineContract } from './search-contract.js';
import { type TypesenseStub, typesenseStub } from './typesense-stub.js';

let stub: TypesenseStub;
beforeAll(async () => {
  stub = await typesenseStub();
});
afterAll(() => stub?.close());
afterEach(() => {
  // also of the contract: whatever was exchanged was as Typesense describes its API
  expect([...new Set(stub.wrong)]).toEqual([]);
  for (const key of Object.keys(stub.mischief) as (keyof typeof stub.mischief)[]) delete stub.mischief[key];
});

engineContract('Typesense’s stub', async () => typesenseEngine({ url: stub.url, key: stub.key }));
const [url, key] = [process.env['ASSAY_TYPESENSE_URL'], process.env['ASSAY_TYPESENSE_KEY']];
if (url && key) engineContract('Typesense', async () => typesenseEngine({ url, key }));

const three: Document[] = ['Amber', 'Basalt', 'Cedar'].map((value) => ({ id: `t.${value}`, fields: { value } }));
const corpus = (documents: readonly Document[]) => ({ slot: 's', version: '1', documents, vectors: undefined });
const opened = (more: { searchKey?: string; key?: string } = {}) =>
  engineBackend(typesenseEngine({ url: stub.url, key: stub.key, ...more }));

describe('Typesense', () => {
  it('is asked by keys that are derived for what one caller may find, and end', async () => {
    const backend = opened({ searchKey: stub.searchKey });
    const index = await backend.open(corpus(three));
    stub.requests.length = 0;
    await index.candidates('amber');
    const { searches = [] } = (stub.requests.at(-1)?.body ?? {}) as { searches?: Record<string, string>[] };
    expect(searches.length).toBeGreaterThan(1);
    for (const search of searches) {
      const raw = Buffer.from(search['x-typesense-api-key'] ?? '', 'base64').toString();
      // a signature of 44 letters, 4 letters of the parent key, what the key is bound to
      const bound = raw.slice(48);
      expect(raw.slice(0, 44)).toBe(createHmac('sha256', stub.searchKey).update(bound).digest('base64'));
      const { filter_by, expires_at } = JSON.parse(bound) as { filter_by: string; expires_at: number };
      expect(filter_by).toMatch(/^part:=\[`[0-9a-f]{24}`\]$/);
      expect(search['filter_by']?.startsWith(filter_by)).toBe(true);
      expect(Number.isInteger(expires_at)).toBe(true);
    }
    await backend.close();
  });

  it('shows no document that is not the caller’s, whatever the server answers', async () => {
    const backend = opened();
    const index = await backend.open(corpus(three));
    stub.mischief.result = (result) => ({
      ...result,
      hits: [
        ...((result['hits'] as object[] | undefined) ?? []),
        {
          document: { id: 'forbidden_0', part: 'forbidden' },
          highlight: { words: { snippet: 'CANARY' } },
          text_match: 9,
        },
        { document: { id: `${'0'.repeat(24)}_1` }, highlights: [{ field: 'words', snippet: 'CANARY' }], text_match: 9 },
      ],
    });
    const found = await index.candidates('amber canary forbidden');
    expect(found.map((c) => c.id)).toEqual(['t.Amber']);
    expect(JSON.stringify(found)).not.toContain('CANARY');
    await backend.close();
  });

  it('goes on with an import that was cut off, and gives no answer from a part of the documents', async () => {
    const many = Array.from({ length: 1_500 }, (_, i) => ({ id: `m.${i}`, fields: { value: `garnet number${i}` } }));
    const backend = opened();
    stub.mischief.importsLeft = 2;
    await expect(backend.open(corpus(many))).rejects.toMatchObject({ code: 'search-unavailable' });
    const before = stub.collections.get('assay_search_1_words')?.size ?? 0;
    delete stub.mischief.importsLeft;
    stub.requests.length = 0;
    const index = await backend.open(corpus(many));
    const lines = stub.requests.filter((r) => r.path.endsWith('/import')).flatMap((r) => String(r.body).split('\n'));
    expect(lines.length).toBeLessThan(many.length);
    expect((stub.collections.get('assay_search_1_words')?.size ?? 0) - before).toBe(lines.length);
    // a server that forgets whatever it is given
    stub.mischief.result = (result, search) =>
      search['per_page'] === 0 ? { ...result, found: 7, facet_counts: [] } : result;
    await expect(index.candidates('garnet')).rejects.toMatchObject({ code: 'search-unavailable' });
    await backend.close();
  });

  it('is said to be out of reach in words of ours', async () => {
    const told = async (work: Promise<unknown>) => {
      const thrown = (await work.catch((e: unknown) => e)) as { code: string; message: string };
      expect(thrown.code).toBe('search-unavailable');
      expect(thrown.message).not.toMatch(/127\.0\.0\.1|secret words|stub-admin/);
      return thrown.message;
    };
    const backend = opened();
    const index = await backend.open(corpus(three));
    expect(await told(opened({ key: 'another' }).check())).toContain('refuses the key');
    stub.mischief.status = 503;
    expect(await told(index.candidates('amber'))).toContain('status 503');
    expect(await told(backend.check())).toContain('status 503');
    delete stub.mischief.status;
    stub.mischief.result = () => ({ code: 404, error: 'secret words' });
    expect(await told(index.candidates('amber'))).toContain('status 404');
    delete stub.mischief.result;
    const nobody = engineBackend(typesenseEngine({ url: 'http://127.0.0.1:1', key: 'k' }));
    expect(await told(nobody.check())).toContain('does not answer');
    await backend.close();
  });
});
