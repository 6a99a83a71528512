import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { error } from '../../errors/index.js';
import { type LoadedModel, loadModel } from '../../model/cube/index.js';
import { accessOf } from '../../model/policy/index.js';
import { type Caller, type Events, noEmit } from '../../query/index.js';
import { embeddedBackend } from './embedded-backend.js';
import { type Embedder, unit } from './embedder.js';
import { openSearch, type SearchContext, type SearchParts, type SearchRequest } from './search.js';
import { vectorStore } from './vector-store.js';

let model: LoadedModel;
beforeAll(async () => {
  model = await loadModel(resolve(import.meta.dirname, '../../../model'));
});
const dirs: string[] = [];
afterAll(() => {
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
});

const caller = (role: string, attributes: Record<string, unknown> = {}): Caller => ({
  subject: role,
  tenant: 'default',
  roles: [role],
  attributes,
  via: 'jwt',
});
/** Values by dimension, as a query of this caller would read them: the manager sees its countries only. */
const COUNTRIES = ['United Kingdom', 'Germany', 'France', 'Canaryland'];
const valuesFor = async (dimension: string, { caller: who }: SearchContext): Promise<readonly string[]> => {
  const own = who.attributes['countries'] as string[] | undefined;
  if (/\.country$/.test(dimension))
    return COUNTRIES.filter((c) => !who.roles.includes('country_manager') || own?.includes(c));
  if (dimension === 'retail.product') return ['WHITE METAL LANTERN', 'SET OF 3 CAKE TINS', 'RED WOOLLY HOTTIE'];
  return [];
};
let dataVersion = '1';
const opened = (more: Partial<SearchParts> = {}) =>
  openSearch({
    backend: embeddedBackend,
    vectors: undefined,
    values: valuesFor,
    dataVersion: () => dataVersion,
    emit: noEmit,
    ...more,
  });
const asked = (who: Caller) => ({
  model: { catalogue: model.catalogue, sees: accessOf(model.catalogue, who) },
  context: { caller: who, surface: 'rest' as const, requestId: 'r' },
});
const find = (search: ReturnType<typeof opened>, who: Caller, request: SearchRequest) => {
  const { model: seen, context } = asked(who);
  return search.find(request, seen, context);
};
const analyst = caller('data_analyst');
const manager = caller('country_manager', { countries: ['Germany'] });

describe('search without an embedder', () => {
  it('finds members by words, synonyms and through typos, and says that meaning was not compared', async () => {
    const search = opened();
    for (const q of ['net revenue', 'turnover', 'net revenu', 'takings'])
      expect((await find(search, analyst, { q, kind: 'member' })).hits[0]?.name, q).toBe('retail.net_revenue');
    const told = await find(search, analyst, { q: 'net revenue', kind: 'member' });
    expect(told.hits[0]?.query).toEqual({ measures: ['retail.net_revenue'] });
    expect(told.provenance).toMatchObject({ embedder: null, why: 'there is no embedder' });
  });
  it('finds nothing for words that stand nowhere, and refuses what is no question', async () => {
    const search = opened();
    expect((await find(search, analyst, { q: 'zzqx wwkv' })).hits).toEqual([]);
    await expect(find(search, analyst, { q: ' ' })).rejects.toMatchObject({ code: 'query-invalid' });
    await expect(find(search, analyst, { q: 'x', limit: 0 })).rejects.toMatchObject({ code: 'query-invalid' });
  });
  it('finds values through typos, with the condition that keeps their rows', async () => {
    const search = opened();
    const told = await find(search, analyst, { q: 'Untied Kingdom', kind: 'value' });
    expect(told.hits.map((h) => [h.name, h.value])).toEqual([
      ['customer_health.country', 'United Kingdom'],
      ['retail.country', 'United Kingdom'],
    ]);
    expect(told.hits[1]?.filter).toEqual({ member: 'retail.country', op: 'eq', values: ['United Kingdom'] });
  });
  it('gives values a place beside members', async () => {
    const told = await find(opened(), analyst, { q: 'country Germany', limit: 4 });
    expect(told.hits.some((h) => h.kind === 'value' && h.value === 'Germany')).toBe(true);
    expect(told.hits.some((h) => h.name === 'retail.country' && h.kind === 'dimension')).toBe(true);
  });
});

describe('rights', () => {
  it('a row that the caller may not read is in no hit and no count', async () => {
    const search = opened();
    // asked by one who may, first: nothing of that may be left for the next
    expect((await find(search, analyst, { q: 'Canaryland', kind: 'value' })).total).toBe(2);
    const told = await find(search, manager, { q: 'Canaryland', kind: 'value' });
    expect([told.hits, told.total]).toEqual([[], 0]);
    expect((await find(search, manager, { q: 'Germany', kind: 'value' })).total).toBe(2);
  });
  it('a hidden member is in no hit and no count, and weighs on no word', async () => {
    const search = opened();
    const told = await find(search, analyst, { q: 'invoice number', kind: 'member', limit: 100 });
    expect(told.hits.map((h) => h.name)).not.toContain('retail.invoice');
    expect(JSON.stringify(await find(search, analyst, { q: 'failed checks', limit: 100 }))).not.toContain('quality.');
  });
  it('a masked dimension is never indexed', async () => {
    const read: string[] = [];
    const search = opened({
      values: async (dimension) => {
        read.push(dimension);
        return [];
      },
    });
    await find(search, analyst, { q: 'x1', kind: 'value' });
    expect(read.length).toBeGreaterThan(3);
    expect(read.filter((d) => accessOf(model.catalogue, analyst).masked(d))).toEqual([]);
  });
  it('every question is audited, every refusal too', async () => {
    const events: unknown[] = [];
    const search = opened({
      emit: (name, event) => {
        if (name === 'query.answered') events.push((event as Events['query.answered']).plan);
        if (name === 'query.refused') events.push((event as Events['query.refused']).code);
      },
    });
    await find(search, analyst, { q: 'orders' });
    await find(search, analyst, { q: '' }).catch(() => {});
    expect(events).toEqual(['search', 'query-invalid']);
  });
});

describe('indexes follow the data', () => {
  it('the old index answers until the new one is complete', async () => {
    let values = ['Atlantis'];
    let release: (() => void) | undefined;
    let held: Promise<void> | undefined;
    const search = opened({
      values: async (dimension) => {
        if (dimension !== 'retail.country') return [];
        const read = values;
        await held;
        return read;
      },
    });
    const found = async (q: string) => (await find(search, analyst, { q, kind: 'value' })).hits.map((h) => h.value);
    dataVersion = '1';
    expect(await found('Atlantis')).toEqual(['Atlantis']);
    values = ['Lemuria'];
    dataVersion = '2';
    held = new Promise((done) => {
      release = done;
    });
    expect(await found('Atlantis')).toEqual(['Atlantis']);
    release?.();
    while ((await found('Lemuria')).length === 0) await new Promise((done) => setImmediate(done));
    expect(await found('Atlantis')).toEqual([]);
    dataVersion = '1';
  });
  it('a dimension of too many values is left out, and said to be', async () => {
    const search = opened({
      values: async (dimension) => {
        if (dimension === 'retail.product') throw error('budget-exceeded', { budget: 'rows', limit: '200000' });
        return dimension === 'retail.country' ? ['Germany'] : [];
      },
    });
    const told = await find(search, analyst, { q: 'Germany', kind: 'value' });
    expect(told.hits.length).toBe(1);
    expect(told.provenance.notIndexed).toEqual(['retail.product']);
  });
});

/** Stands for a model: a text's vector counts its letters. */
const letters = (embed: (texts: readonly string[]) => void = () => {}): Embedder => ({
  id: 'letters',
  version: '1',
  dims: async () => 26,
  embed: async (texts) => {
    embed(texts);
    return texts.map((t) =>
      unit(Array.from({ length: 26 }, (_, i) => t.toLowerCase().split(String.fromCharCode(97 + i)).length - 1)),
    );
  },
  close: async () => {},
});

describe('vectors', () => {
  it('are made once: a build that was stopped goes on, a torn end is cut off', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'assay-vectors-'));
    dirs.push(dir);
    const texts = Array.from({ length: 200 }, (_, i) => `text number ${i} ${'abc'.repeat(i % 7)}`);
    const made: string[] = [];
    const first = vectorStore(
      letters((t) => made.push(...t)),
      dir,
    );
    const stop = new AbortController();
    const slow = vectorStore(
      letters((t) => {
        made.push(...t);
        if (made.length > 100) stop.abort();
        stop.signal.throwIfAborted();
      }),
      dir,
    );
    await expect(slow.of(texts, stop.signal)).rejects.toThrow();
    const [name = ''] = readdirSync(dir);
    const file = join(dir, name);
    truncateSync(file, statSync(file).size - 5);
    made.length = 0;
    const vectors = await first.of(texts);
    expect(made.length).toBeLessThan(200);
    expect(made.length).toBeGreaterThan(100);
    expect(vectors.map((v) => v.length)).toEqual(texts.map(() => 26));
    made.length = 0;
    const again = await vectorStore(
      letters((t) => made.push(...t)),
      dir,
    ).of(texts);
    expect(made).toEqual([]);
    expect(again.map((v) => [...v])).toEqual(vectors.map((v) => [...v]));
  });
  it('that cannot be had leave words and spelling, and the answer says so', async () => {
    const bugs: unknown[] = [];
    const search = opened({
      vectors: vectorStore(
        letters(() => {
          throw error('embedder-failed', { embedder: 'letters' });
        }),
        undefined,
      ),
      emit: (name, event) => name === 'bug' && bugs.push(event),
    });
    const told = await find(search, analyst, { q: 'net revenue', kind: 'member' });
    expect(told.hits[0]?.name).toBe('retail.net_revenue');
    expect(told.provenance.embedder).toBeNull();
    expect(told.provenance.why).toContain('failed');
    expect(bugs.length).toBe(1);
  });
  it('are waited for only so long', async () => {
    const search = opened({
      patienceMilliseconds: 1,
      vectors: vectorStore({ ...letters(), embed: () => new Promise(() => {}) }, undefined),
    });
    const told = await find(search, analyst, { q: 'net revenue', kind: 'member' });
    expect(told.hits[0]?.name).toBe('retail.net_revenue');
    expect(told.provenance.why).toContain('being made');
  });
  it('are compared when they are there', async () => {
    const told = await find(opened({ vectors: vectorStore(letters(), undefined) }), analyst, {
      q: 'net revenue',
      kind: 'member',
    });
    expect(told.provenance.embedder).toBe('letters@1');
    expect(told.hits[0]?.why.some((w) => w.startsWith('meaning'))).toBe(true);
  });
});
