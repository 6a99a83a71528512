import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Partition, Transform } from '../../src/build/transform/files/definition.js';
import { auditTable } from '../../src/build/transform/step/audit-table.js';
import { dryRun } from '../../src/build/transform/step/dry-run.js';
import { makeStep } from '../../src/build/transform/step/make-step.js';
import type { StagedStep, StepOrder, StepParts } from '../../src/build/transform/step/step.js';
import { relationOf } from '../../src/store/delta/index.js';
import { orderOf, readable, textsOf, transformOf, withParts } from './step-parts.js';
import { openPlace, type Place } from './warehouse-and-lake.js';

let place: Place;
beforeAll(async () => {
  place = await openPlace();
});
afterAll(async () => {
  await place.close();
});

const byDay: Partition = {
  ...{ column: 'day', unit: 'day', start: undefined, lookback: 0, maxBatch: undefined },
  ...{ inputs: new Map(), sources: new Map() },
};
const days = (checks = '', over: Partial<Transform> = {}): Transform =>
  transformOf(
    `keys: {natural: [id]}
columns:
  - {name: id, type: bigint, nullable: false}
  - {name: day, type: date, nullable: false}
  - {name: amount, type: "decimal(12,2)", nullable: true}
  - {name: person, type: string, nullable: true, pii: direct}
${checks}`,
    `SELECT id, day, amount, person FROM {{source('bronze.sold')}} WHERE day >= {{partition.start}} AND day < {{partition.end}}`,
    { kind: 'incremental_by_partition', partition: byDay, ...over },
  );
const sold = (rows: string) =>
  new Map([
    [
      'bronze.sold',
      readable(
        `SELECT id::bigint AS id, day::date AS day, amount::decimal(12,2) AS amount, person::varchar AS person FROM (VALUES ${rows}) v(id, day, amount, person)`,
      ),
    ],
  ]);
const ROWS = `(1, '2010-12-01', 1.50, 'ann'), (2, '2010-12-01', 2.50, 'bob'), (3, '2010-12-03', -1, NULL), (4, '2010-12-04', 9, 'eve')`;

/** Makes a step and reads what it has staged. */
const made = (
  transform: Transform,
  over: Partial<StepOrder>,
): Promise<{ step: StagedStep; rows: string[][]; parts: StepParts }> =>
  withParts(place, transform, async (parts) => {
    const step = await makeStep(parts, orderOf(transform, over));
    return { step, parts, rows: await textsOf(parts.engine, relationOf(parts.snapshot, step.adds)) };
  });

describe('a step of partitions', () => {
  const partitions = ['2010-12-01', '2010-12-02', '2010-12-03'];
  it('stages the rows of its partitions only, the empty ones counted as well', async () => {
    const { step, rows } = await made(days(), { partitions, inputs: sold(ROWS) });
    expect(rows).toEqual([
      ['1', '2010-12-01', '1.50', 'ann'],
      ['2', '2010-12-01', '2.50', 'bob'],
      ['3', '2010-12-03', '-1.00', '∅'],
    ]);
    expect([...step.partitions].map(([key, p]) => [key, p.rows, p.bytes > 0, p.scoreMillionths])).toEqual([
      ['2010-12-01', 2, true, 100_000_000n],
      ['2010-12-02', 0, false, undefined],
      ['2010-12-03', 1, true, 100_000_000n],
    ]);
    expect(step.partitions.get('2010-12-01')?.summary).toMatchObject({
      rows: 2,
      columns: { amount: { nulls: 0, mean: 2 }, person: { nulls: 0 } },
    });
  });
  it('gives a partition the same hash whatever else is made with it, in whatever order', async () => {
    const all = await made(days(), { partitions, inputs: sold(ROWS) });
    const one = await made(days(), {
      partitions: ['2010-12-01'],
      inputs: sold(`(2, '2010-12-01', 2.50, 'bob'), (1, '2010-12-01', 1.50, 'ann')`),
    });
    const other = await made(days(), { partitions: ['2010-12-01'], inputs: sold(`(1, '2010-12-01', 1.5, 'ann')`) });
    const hash = (step: StagedStep) => step.partitions.get('2010-12-01')?.contentHash;
    expect(hash(one.step)).toBe(hash(all.step));
    expect(hash(other.step)).not.toBe(hash(all.step));
  });
  it('refuses rows outside of its partitions, by name, and leaves no file', async () => {
    const wide = { ...days(), body: `SELECT id, day, amount, person FROM {{source('bronze.sold')}}` };
    await withParts(place, wide, async (parts) => {
      const order = orderOf(wide, { partitions, inputs: sold(ROWS) });
      await expect(makeStep(parts, order)).rejects.toMatchObject({
        code: 'contract-broken',
        message: expect.stringContaining('partition 2010-12-04, which is outside of 2010-12-01 to 2010-12-03'),
      });
      expect(await parts.snapshot.table.files.list(`d/${order.stepId}`).catch(() => [])).toEqual([]);
    });
  });
  it('refuses the partition whose rows break a check, and passes the others', async () => {
    const checks = `checks:
  - {type: expression, name: amount_positive, columns: [amount], expression: "amount > 0", severity: error}
  - {type: not_null, columns: [person], severity: warn}`;
    const { step } = await made(days(checks), { partitions, inputs: sold(ROWS) });
    expect(step.partitions.get('2010-12-01')?.refused).toBeUndefined();
    expect(step.partitions.get('2010-12-03')?.refused).toEqual({
      check: 'amount_positive',
      failed: '1',
      evaluated: '1',
    });
    expect(step.failing).toEqual([
      { check: 'amount_positive', partition: '2010-12-03', keys: ['3'] },
      { check: 'not_null_person', partition: '2010-12-03', keys: ['3'] },
    ]);
    expect(
      step.partitions.get('2010-12-03')?.results.map((r) => [r.metric_id.split('/').slice(1).join('/'), r.status]),
    ).toEqual([
      ['gold.t/2010-12-03/contract_not_null_id', 'PASS'],
      ['gold.t/2010-12-03/contract_not_null_day', 'PASS'],
      ['gold.t/2010-12-03/amount_positive', 'FAIL'],
      ['gold.t/2010-12-03/not_null_person', 'WARNING'],
    ]);
  });
  it('refuses a null that the contract forbids in its partition alone', async () => {
    const transform = { ...days(), natural: ['amount'] };
    const { step } = await made(transform, {
      partitions,
      inputs: sold(`(1, '2010-12-01', 1, 'a'), (NULL, '2010-12-02', 1, 'a')`),
    });
    expect([...step.partitions.values()].map((p) => p.refused?.check)).toEqual([
      undefined,
      'contract_not_null_id',
      undefined,
    ]);
  });
  it('masks keys that are personal', async () => {
    const checks =
      'checks: [{type: expression, name: amount_positive, columns: [amount], expression: "amount > 0", severity: error}]';
    const transform = { ...days(checks), natural: ['id', 'person'] };
    const { step } = await made(transform, {
      partitions,
      inputs: sold(`(1, '2010-12-01', -1, 'ann'), (2, '2010-12-01', -1, NULL)`),
    });
    const keys = step.failing[0]?.keys ?? [];
    expect(keys[0]).toMatch(/^1\u001f[g-v]{26}$/);
    expect(keys[1]).toBe('2\u001f\\N');
  });
  it('keeps no more than a hundred failing keys of each partition and check', async () => {
    const checks = 'checks: [{type: expression, name: none, columns: [amount], expression: "false", severity: warn}]';
    const rows = Array.from({ length: 250 }, (_, i) => `(${i}, '2010-12-0${1 + (i % 2)}', 1, 'a')`).join(', ');
    const { step } = await made(days(checks), { partitions, inputs: sold(rows) });
    expect(step.failing.map((f) => [f.partition, f.keys.length])).toEqual([
      ['2010-12-01', 100],
      ['2010-12-02', 100],
    ]);
  });
  it('tells drift without refusing, when enough is published to compare with', async () => {
    const past = Array.from({ length: 14 }, (_, i) => ({
      partition: `2010-11-${i + 10}`,
      rows: 2 + (i % 2),
      columns: { amount: { nulls: 0, mean: 2 }, person: { nulls: 0 } },
    }));
    const rows = Array.from({ length: 20 }, (_, i) => `(${i}, '2010-12-01', 100, NULL)`).join(', ');
    const { step } = await made(days(), { partitions: ['2010-12-01'], inputs: sold(rows), past });
    const staged = step.partitions.get('2010-12-01');
    expect(staged?.refused).toBeUndefined();
    expect(staged?.scoreMillionths).toBe(100_000_000n);
    const short = await made(days(), { partitions: ['2010-12-01'], inputs: sold(rows), past: past.slice(1) });
    const few = short.step.partitions.get('2010-12-01');
    expect(few?.results.filter((r) => r.weight === 0)).toEqual([]);
    expect(few?.scoreMillionths).toBe(staged?.scoreMillionths);
    expect([staged?.coverageMillionths, few?.coverageMillionths]).toEqual([1_000_000n, 800_000n]);
    expect(staged?.results.filter((r) => r.weight === 0).map((r) => [r.check_details, r.status])).toEqual([
      ['rows_as_usual (warn): 1 of 1 failed in 2010-12-01', 'WARNING'],
      ['values_as_usual (warn): 2 of 3 failed in 2010-12-01', 'WARNING'],
    ]);
    const usual = await made(days(), {
      ...{ partitions: ['2010-12-01'], past },
      inputs: sold(`(1, '2010-12-01', 2, 'a'), (2, '2010-12-01', 2.1, 'b')`),
    });
    expect(usual.step.partitions.get('2010-12-01')?.results.every((r) => r.status === 'PASS')).toBe(true);
  });
  it('names the column that the SELECT gives otherwise than the contract says', async () => {
    const wrong = {
      ...days(),
      body: `SELECT id, day, amount::double AS amount, person FROM {{source('bronze.sold')}}`,
    };
    await expect(made(wrong, { partitions, inputs: sold(ROWS) })).rejects.toMatchObject({
      code: 'transform-invalid',
      message: expect.stringContaining(
        'column 3 of the SELECT is amount DOUBLE, the contract says amount DECIMAL(12,2)',
      ),
    });
  });
  it('audits columns whatever their names are', async () => {
    const names = ['n', 'p', 't', 'f0', 'n0', 'm0', 'low', 'evaluated', 'failed', 'k0'];
    const transform = transformOf(
      `keys: {natural: [n]}
columns:
${names.map((name) => `  - {name: ${name}, type: integer, nullable: false}`).join('\n')}
checks:
${names.map((name) => `  - {type: expression, name: ${name}_is_small, columns: [${name}], expression: "${name} < 3", severity: warn}`).join('\n')}
  - {type: unique, columns: [p, t], severity: critical}
  - {type: relationship, columns: [n], to: gold.t2, field: n, severity: critical}`,
      `SELECT * FROM {{source('bronze.x')}}`,
    );
    const row = (value: number) => names.map((name) => `${value} AS ${name}`).join(', ');
    const inputs = new Map([
      ['bronze.x', readable(`SELECT ${row(1)} UNION ALL SELECT ${row(2)} UNION ALL SELECT ${row(3)}`)],
      ['gold.t2', readable('SELECT 1 AS n UNION ALL SELECT 2')],
    ]);
    await withParts(place, transform, async (parts) => {
      const order = orderOf(transform, { inputs });
      const step = await makeStep(parts, order);
      const overlay = { duckdb: relationOf(parts.snapshot, step.adds), postgres: undefined };
      const audit = await auditTable(parts, order, overlay, step.partitions);
      const results = audit.partitions.get('*')?.results.filter((r) => r.status !== 'PASS') ?? [];
      expect(results.map((r) => r.check_details)).toEqual([
        ...names.map((name) => `${name}_is_small (warn): 1 of 3 failed`),
        'relationship_n (critical): 1 of 3 failed',
      ]);
      expect([...step.failing, ...audit.failing].map(({ keys }) => keys)).toEqual(Array(names.length + 1).fill(['3']));
    });
  });
  it('leaves nothing in its session', async () => {
    const transform = days();
    await withParts(place, transform, async (parts) => {
      await makeStep(parts, orderOf(transform, { partitions, inputs: sold(ROWS) }));
      const left = await parts.engine.query(
        `SELECT table_name FROM information_schema.tables WHERE table_schema = 'main' OR table_catalog = 'temp'`,
      );
      expect(left).toEqual([]);
    });
  });
});

describe('the audit of a whole table', () => {
  const partitions = ['2010-12-01', '2010-12-02', '2010-12-03'];
  const checks = `checks:
  - {type: unique, columns: [id], severity: critical}
  - {type: relationship, columns: [person], to: gold.people, field: name, severity: error}
  - {type: sql, name: not_too_many, severity: critical, sql: "SELECT 1 AS evaluated, CASE WHEN count(*) > 5 THEN 1 ELSE 0 END AS failed FROM {{this}}"}`;
  const people = readable(`SELECT * FROM (VALUES ('ann'), ('bob')) p(name)`);
  const audited = (rows: string, stays: string, transform = days(checks)) =>
    withParts(place, transform, async (parts) => {
      const inputs = new Map([...sold(rows), ['gold.people', people] as const]);
      const order = orderOf(transform, { partitions, inputs });
      const step = await makeStep(parts, order);
      const staged = relationOf(parts.snapshot, step.adds);
      const kept = sold(stays).get('bronze.sold')?.duckdb ?? '';
      const overlay = { duckdb: `(FROM ${staged} UNION ALL FROM ${kept})`, postgres: undefined };
      return auditTable(parts, order, overlay, step.partitions);
    });
  const stays = `(50, '2010-11-30', 1, 'ann')`;

  it('passes what is right, with all covered but what needs fourteen days before it', async () => {
    const audit = await audited(`(1, '2010-12-01', 1, 'ann'), (2, '2010-12-02', 1, 'bob')`, stays);
    expect(audit.refused).toBeUndefined();
    expect([...audit.partitions].map(([k, p]) => [k, p.refused, p.scoreMillionths, p.coverageMillionths])).toEqual([
      // 36 of 40, and of a day without rows the 8 of the table's own check.
      ['2010-12-01', undefined, 100_000_000n, 900_000n],
      ['2010-12-02', undefined, 100_000_000n, 900_000n],
      ['2010-12-03', undefined, 100_000_000n, 200_000n],
    ]);
    expect(audit.results.map((r) => r.check_details)).toEqual(['not_too_many (critical): 0 of 1 failed']);
  });
  it('refuses the partition whose keys stand elsewhere already, and no other', async () => {
    const audit = await audited(
      `(1, '2010-12-01', 1, 'ann'), (1, '2010-12-02', 1, 'bob'), (50, '2010-12-03', 1, 'bob')`,
      stays,
    );
    expect([...audit.partitions].map(([k, p]) => [k, p.refused?.check])).toEqual([
      ['2010-12-01', undefined],
      ['2010-12-02', 'unique_id'],
      ['2010-12-03', 'unique_id'],
    ]);
    expect(audit.failing).toEqual([
      { check: 'unique_id', partition: '2010-12-02', keys: ['1'] },
      { check: 'unique_id', partition: '2010-12-03', keys: ['50'] },
    ]);
  });
  it('refuses the partition that points at nothing', async () => {
    const audit = await audited(`(1, '2010-12-01', 1, 'ann'), (2, '2010-12-02', 1, 'eve')`, stays);
    expect([...audit.partitions].map(([k, p]) => [k, p.refused?.check])).toEqual([
      ['2010-12-01', undefined],
      ['2010-12-02', 'relationship_person'],
      ['2010-12-03', undefined],
    ]);
    expect(audit.refused).toBeUndefined();
  });
  it('refuses the table when rows that did not change point at nothing any more', async () => {
    const audit = await audited(`(1, '2010-12-01', 1, 'ann')`, `(50, '2010-11-30', 1, 'gone')`);
    expect(audit.refused).toEqual({ check: 'relationship_person', failed: '1', evaluated: '2' });
  });
  it('refuses the table by a check of the table', async () => {
    const six = Array.from({ length: 6 }, (_, i) => `(${i}, '2010-12-01', 1, 'ann')`).join(', ');
    const audit = await audited(six, stays);
    expect(audit.refused).toEqual({ check: 'not_too_many', failed: '1', evaluated: '1' });
  });
  it('refuses what scores below the least score, and scores by dimension', async () => {
    const warn = checks.replace('severity: error', 'severity: warn');
    const transform = { ...days(warn), minScoreMillionths: 98_000_000n };
    const audit = await audited(
      `(1, '2010-12-01', 1, 'ann'), (2, '2010-12-01', 1, 'eve'), (3, '2010-12-02', 1, 'ann')`,
      stays,
      transform,
    );
    // Weights: id and day not null 16, unique 8, relationship 2 (half passed), sql 8: (16 + 8 + 1 + 8) / 34.
    const first = audit.partitions.get('2010-12-01');
    expect(first?.scoreMillionths).toBe(97_058_823n);
    expect(first?.refused?.check).toBe('min_score 98.000000 (score 97.058823)');
    expect(first?.dimensions).toEqual(
      new Map([
        ['completeness', 100_000_000n],
        ['uniqueness', 100_000_000n],
        ['consistency', 90_000_000n],
      ]),
    );
    expect(audit.partitions.get('2010-12-02')?.refused).toBeUndefined();
  });
  it('comes to the same score for a partition that another process has audited', async () => {
    const transform = days(checks);
    await withParts(place, transform, async (parts) => {
      const inputs = new Map([...sold(ROWS.replace("'eve'", "'ann'")), ['gold.people', people] as const]);
      const order = orderOf(transform, { partitions, inputs });
      const step = await makeStep(parts, order);
      const overlay = { duckdb: relationOf(parts.snapshot, step.adds), postgres: undefined };
      const first = await auditTable(parts, order, overlay, step.partitions);
      const resumed = new Map([...step.partitions].map(([key, p]) => [key, { ...p, results: [] }]));
      const second = await auditTable(parts, order, overlay, resumed);
      const scores = (audit: typeof first) =>
        [...audit.partitions.values()].map((p) => [p.scoreMillionths, p.coverageMillionths]);
      expect(scores(second)).toEqual(scores(first));
    });
  });
});

describe('a dry run', () => {
  const ask = (transform: Transform) =>
    withParts(place, transform, (parts) =>
      dryRun(parts, { transform, inputs: sold(ROWS), seeds: [], signal: undefined }),
    );
  const both = { engine: { allow: ['duckdb', 'postgres', 'spark'], prefer: 'auto', dialect: 'duckdb' } } as const;
  it('asks every engine that is there for names and types', async () => {
    expect(await ask(days('', both))).toEqual([
      { engine: 'duckdb', ok: true },
      { engine: 'postgres', ok: true },
    ]);
  });
  it('says in an engine’s own types what does not fit', async () => {
    const body = `SELECT id, day, sum(amount) AS amount, max(person) AS person FROM {{source('bronze.sold')}} GROUP BY id, day`;
    const answers = await ask({ ...days('', both), body });
    expect(answers.map(({ problem }) => problem)).toEqual([
      'sql/gold/t.v1.sql:16: duckdb: column 3 of the SELECT is amount DECIMAL(38,2), the contract says amount DECIMAL(12,2)',
      'sql/gold/t.v1.sql:16: postgres: column 3 of the SELECT is amount numeric, the contract says amount numeric(12,2)',
    ]);
  });
  it('says what an engine does not know, and which check does not bind', async () => {
    const body = `SELECT id, day, amount, arg_max(person, id) AS person FROM {{source('bronze.sold')}} GROUP BY ALL`;
    const answers = await ask({ ...days('', both), body });
    expect(answers[0]).toEqual({ engine: 'duckdb', ok: true });
    expect(answers[1]?.problem).toContain('postgres: ');
    const check =
      'checks: [{type: expression, name: odd, columns: [amount], expression: "nobody > 0", severity: error}]';
    const [asked] = await ask(days(check, both));
    expect(asked?.problem).toMatch(/^sql\/gold\/t\.v1\.sql:\d+: duckdb: .*nobody/);
  });
});
