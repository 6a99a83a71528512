import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AuditRow,
  appendAudit,
  ingestLedger,
  migrate,
  verifyAudit,
  withLock,
} from '../../src/store/state/index.js';
import { openPlace, type Place, root } from './warehouse-and-lake.js';

let place: Place;
beforeAll(async () => {
  place = await openPlace();
});
afterAll(async () => {
  await place.close();
});

describe('migrations', () => {
  it('are applied once', async () => {
    expect(await migrate(place.warehouse, join(root, 'schema/state'))).toEqual({ applied: [] });
  });
  it('refuse a layout of a newer version, and an applied file that was edited', async () => {
    const dir = join(place.home, 'state');
    mkdirSync(dir);
    await expect(migrate(place.warehouse, dir)).rejects.toMatchObject({ code: 'home-newer' });
    cpSync(join(root, 'schema/state'), dir, { recursive: true });
    writeFileSync(join(dir, '0103_more.sql'), 'CREATE TABLE assay.more (a integer)');
    expect(await migrate(place.warehouse, dir)).toEqual({ applied: ['0103_more.sql'] });
    writeFileSync(join(dir, '0103_more.sql'), 'CREATE TABLE assay.more (b integer)');
    await expect(migrate(place.warehouse, dir)).rejects.toMatchObject({ code: 'state-changed' });
    await expect(migrate(place.warehouse, join(root, 'schema/state'))).rejects.toMatchObject({ code: 'home-newer' });
  });
  it('leave nothing behind when one fails', async () => {
    const dir = join(place.home, 'broken');
    cpSync(join(place.home, 'state'), dir, { recursive: true });
    writeFileSync(join(dir, '0103_more.sql'), 'CREATE TABLE assay.more (a integer)');
    writeFileSync(join(dir, '0104_broken.sql'), 'CREATE TABLE assay.half (a integer); SELECT no_such_column');
    await expect(migrate(place.warehouse, dir)).rejects.toMatchObject({ code: 'engine-failed' });
    expect(await place.postgres("SELECT to_regclass('assay.half') IS NULL")).toEqual([['true']]);
  });
});

describe('the ledger of ingested files', () => {
  it('keeps a batch once and gives it back exactly', async () => {
    const ledger = ingestLedger(place.warehouse);
    const batch = {
      ...{ batchId: '0d9dd6a0-6a4e-4f9e-8f3a-0f0b7c2f5a11', source: 'online_retail', file: 'a.csv', contentHash: 'ab' },
      ...{ bytes: 12, encoding: 'utf-8', read: 3, rows: 2, rejected: 1, ingestedAt: 1_291_190_400_123_457n },
      ...{ rowsVersion: 7, rejectsVersion: null },
    };
    await ledger.record(batch);
    await ledger.record({ ...batch, file: 'b.csv' });
    expect(await ledger.find(batch.batchId)).toEqual(batch);
    expect(await ledger.findByHash('online_retail', 'ab')).toEqual(batch);
    expect(await ledger.findByHash('online_retail', 'cd')).toBeUndefined();
    expect(await ledger.list()).toEqual([batch]);
  });
});

describe('the audit', () => {
  const row = (subject: string): AuditRow => ({
    ...{ at: 1_291_190_400_000_001n, subject, tenant: 'default', roles: ['admin'], surface: 'rest' },
    ...{ requestId: 'r', outcome: 'answered', details: { members: ['retail.orders'], rows: 3 } },
  });
  const verify = () => place.warehouse.transaction((tx) => verifyAudit(tx));
  it('is one chain, whoever appends', async () => {
    const batches = Array.from({ length: 8 }, (_, b) => Array.from({ length: 100 }, (_, i) => row(`s${b}-${i}`)));
    await Promise.all(batches.map((rows) => place.warehouse.transaction((tx) => appendAudit(tx, rows))));
    expect(await verify()).toEqual({ rows: 800n, brokenAt: undefined });
  });
  it.each([
    ['a changed row', "UPDATE assay.audit SET subject = 'nobody' WHERE id = 300", 300n],
    ['a missing row', 'DELETE FROM assay.audit WHERE id = 200', 201n],
  ])('shows %s', async (_what, sql, at) => {
    await place.warehouse.query(sql);
    expect((await verify()).brokenAt).toBe(at);
  });
});

describe('a lock', () => {
  it('lets one in after the other, and goes on after a failure', async () => {
    const seen: string[] = [];
    const work = (name: string) =>
      withLock(place.warehouse, 'test', async () => {
        seen.push(`${name} in`);
        await place.warehouse.query('SELECT 1');
        seen.push(`${name} out`);
        if (name === 'a') throw new RangeError('on purpose');
      });
    const results = await Promise.allSettled([work('a'), work('b'), work('c')]);
    expect(results.map((r) => r.status).sort()).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(seen.map((s) => s.split(' ')[1])).toEqual(['in', 'out', 'in', 'out', 'in', 'out']);
  });
});
