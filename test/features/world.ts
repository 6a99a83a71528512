import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Features, openFeatures } from '../../src/answer/features/index.js';
import { type Answer, makeAsk } from '../../src/answer/run/index.js';
import type { Publication } from '../../src/build/transform/index.js';
import { loadModel } from '../../src/model/cube/index.js';
import { accessOf } from '../../src/model/policy/index.js';
import { type Caller, localCaller, noEmit, type Value, valueText } from '../../src/query/index.js';
import { type DuckDb, type Engine, openDuckDb } from '../../src/store/engine/index.js';
import { type Kv, openKv } from '../../src/store/kv/index.js';

/** An event of an account. Times in seconds since 1970; `known` is when it was loaded. */
export interface Event {
  readonly id: number;
  readonly account: string | null;
  readonly at: number;
  readonly known: number | null;
  readonly amount: bigint | null;
  readonly basket: number | null;
  readonly plan: string | null;
  readonly land: string;
}

/** Two views over the same events: one that knows when they were loaded, one that does not. `seer` sees the lands of its attribute. */
const MODEL: Readonly<Record<string, string>> = {
  'cubes/events.yml': `cubes:
  - name: events
    public: false
    title: Events
    description: Events of accounts.
    sql_table: f.events
    dimensions:
      - { name: id, title: Id, description: Key., sql: "{CUBE}.id", type: number, primary_key: true, meta: { type: bigint } }
      - { name: account, title: Account, description: Account., sql: "{CUBE}.account", type: string, meta: { pii: pseudonymous, pseudonym: alias } }
      - { name: alias, title: Alias, description: Stands for the account., sql: "'al-' || {CUBE}.account", type: string }
      - { name: at, title: At, description: Time., sql: "{CUBE}.moment", type: time }
      - { name: known, title: Known, description: When it was loaded., sql: "{CUBE}.known", type: time }
      - { name: basket, title: Basket, description: Basket., sql: "{CUBE}.basket", type: number, meta: { type: bigint } }
      - { name: plan, title: Plan, description: Plan., sql: "{CUBE}.plan", type: string }
      - { name: secret, title: Secret, description: Of nobody., sql: "{CUBE}.plan", type: string, meta: { pii: pseudonymous, pseudonym: alias } }
      - { name: land, title: Land, description: Land., sql: "{CUBE}.land", type: string }
    measures:
      - { name: amount, title: Amount, description: Amount., sql: "{CUBE}.amount", type: sum, meta: { type: "decimal(18,2)" } }
      - { name: count, title: Events, description: Events., type: count, meta: { type: bigint } }
      - { name: baskets, title: Baskets, description: Baskets., sql: "{basket}", type: count_distinct, meta: { type: bigint } }
      - { name: most, title: Most, description: Most., sql: "{CUBE}.amount", type: max, meta: { type: "decimal(12,2)" } }
      - { name: loud, title: Double, description: A double., sql: "CAST({CUBE}.amount AS DOUBLE PRECISION)", type: sum, meta: { type: double } }
      - { name: plans, title: Plans, description: Plans., sql: "{secret}", type: count_distinct, meta: { type: bigint } }
      - name: mean
        title: Mean
        description: Mean.
        sql: "{amount} / NULLIF({count}, 0)"
        type: number
        meta: { type: "decimal(18,6)", ratio: { numerator: amount, denominator: count } }
    access_policy:
      - groups: [boss]
        row_level: { allow_all: true }
      - group: seer
        member_level: { includes: "*", excludes: [secret] }
        row_level: { filters: [{ member: land, operator: equals, values: "{ securityContext.lands }" }] }
      - group: clerk
        member_level: { includes: "*", excludes: [account, secret] }
        member_masking: { includes: [account, secret] }
        row_level: { allow_all: true }
`,
  'views/shop.yml': `views:
  - name: shop
    title: Shop
    description: Events.
    cubes:
      - join_path: events
        includes: [account, at, plan, land, amount, count, baskets]
    access_policy:
      - groups: [boss, seer]
        member_level: { includes: "*" }
      - group: clerk
        member_level: { includes: "*", excludes: [account] }
        member_masking: { includes: [account] }
`,
  'features/all.yml': `entities:
  - { name: account, key: events.account }
feature_views:
  - name: plain
    entity: account
    cube: events
    event_time: events.at
    features:
      - { name: amount_3h, measure: events.amount, window: 3h }
      - { name: amount_1d, measure: events.amount, window: 1d }
      - { name: count_3h, measure: events.count, window: 3h }
      - { name: baskets_1d, measure: events.baskets, window: 1d }
      - { name: most_3h, measure: events.most, window: 3h }
      - { name: loud_3h, measure: events.loud, window: 3h }
      - { name: plan, dimension: events.plan, take: last }
    ttl: 2d
    online: true
    refresh: { on: data_version }
  - name: guarded
    entity: account
    cube: events
    event_time: events.at
    available_at: events.known
    features:
      - { name: amount_1d, measure: events.amount, window: 1d }
      - { name: baskets_3h, measure: events.baskets, window: 3h }
      - { name: plan, dimension: events.plan, take: last }
    ttl: 1d
    online: true
  - name: endless
    entity: account
    cube: events
    event_time: events.at
    ingest_order: events.basket
    features:
      - { name: amount_1d, measure: events.amount, window: 1d }
      - { name: plan, dimension: events.plan, take: last }
  - name: hidden
    entity: account
    cube: events
    event_time: events.at
    features:
      - { name: secret, dimension: events.secret, take: last }
      - { name: plans_1d, measure: events.plans, window: 1d }
feature_services:
  - { name: both, features: ["plain.*", "guarded.*"], description: Everything. }
`,
};

export const BOSS = localCaller(['boss']);
export const CLERK = localCaller(['clerk']);
export const seer = (...lands: string[]): Caller => ({ ...localCaller(['seer']), attributes: { lands } });

const time = (seconds: number | null) => (seconds === null ? 'NULL' : `to_timestamp(${seconds})`);
const text = (value: string | null) => (value === null ? 'NULL' : `'${value}'`);

/** The events in SQL that DuckDB and PostgreSQL read alike. */
export const eventTables = (events: readonly Event[]): string[] => [
  'DROP TABLE IF EXISTS f.events',
  'CREATE TABLE f.events (id BIGINT, account VARCHAR, moment TIMESTAMPTZ, known TIMESTAMPTZ, amount DECIMAL(12,2), basket BIGINT, plan VARCHAR, land VARCHAR)',
  ...(events.length === 0
    ? []
    : [
        `INSERT INTO f.events VALUES ${events
          .map(
            (e) =>
              `(${e.id}, ${text(e.account)}, ${time(e.at)}, ${time(e.known)}, ${e.amount === null ? 'NULL' : `${e.amount}::DECIMAL(12,2) / 100`}, ${e.basket ?? 'NULL'}, ${text(e.plan)}, ${text(e.land)})`,
          )
          .join(', ')}`,
      ]),
];

/** Features over events in one DuckDB (and whatever else reads `f.events`), with a store of their own. */
export interface FeatureWorld {
  readonly features: Features;
  readonly duckdb: DuckDb;
  readonly kv: Kv;
  readonly dir: string;
  load(events: readonly Event[]): Promise<void>;
  close(): Promise<void>;
}

export const openFeatureWorld = async (
  other: {
    readonly postgres?: Engine;
    readonly load?: (statements: readonly string[]) => Promise<void>;
    readonly redisUrl?: string;
    readonly now?: () => bigint;
    readonly files?: Readonly<Record<string, string>>;
  } = {},
): Promise<FeatureWorld> => {
  const dir = await mkdtemp(join(tmpdir(), 'assay-features-'));
  for (const [name, content] of Object.entries({ ...MODEL, ...other.files })) {
    await mkdir(dirname(join(dir, 'model', name)), { recursive: true });
    await writeFile(join(dir, 'model', name), content);
  }
  const model = await loadModel(join(dir, 'model'));
  const duckdb = await openDuckDb({ memory: '1GB', threads: 2, tempDir: join(dir, 'tmp'), emit: noEmit });
  await duckdb.execute('CREATE SCHEMA f');
  const kv = await openKv({ redisUrl: other.redisUrl, dir: join(dir, 'kv'), emit: noEmit });
  let revision = 0;
  const publication = (): Publication => ({
    revision,
    tables: new Map([
      [
        'f.events',
        {
          name: 'f.events',
          postgres: 'f.events',
          lake: { path: 'f.events', version: revision },
          dataVersion: `v${revision}`,
          rows: 0,
          since: revision,
        },
      ],
    ]),
  });
  const engine = duckdb.engine;
  const parts = {
    model: () => ({ ...model, accessOf: (caller: Caller) => accessOf(model.catalogue, caller) }),
    publications: { current: publication, refresh: async () => publication() },
    rollups: {
      inventory: () => ({ states: new Map() }),
      layout: () => undefined,
      pin: async () => ({ tables: [], release: () => {} }),
    },
    engines: { postgres: other.postgres ?? engine, lake: engine, rollup: engine },
    lakeRelation: async (path: string) => path,
    rawSource: 'lake' as const,
    emit: noEmit,
    kv,
    namespace: 'test',
    ...(other.now ? { now: other.now } : {}),
  };
  const features = openFeatures(parts, makeAsk(parts));
  return {
    features,
    duckdb,
    kv,
    dir,
    load: async (events) => {
      revision += 1;
      for (const statement of eventTables(events)) await duckdb.execute(statement);
      await other.load?.(eventTables(events));
    },
    close: async () => {
      await features.close();
      await kv.close();
      await duckdb.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
};

/** An answer as texts by row, and its column names. */
export const cells = async (answer: Answer): Promise<{ names: string[]; rows: (string | null)[][] }> => {
  const rows: (string | null)[][] = [];
  for await (const batch of answer.rows)
    for (let r = 0; r < batch.length; r++)
      rows.push(answer.columns.map((c, i) => valueText(c.type, (batch.columns[i]?.[r] ?? null) as Value)));
  return { names: answer.columns.map((c) => c.name), rows };
};

export const OPTIONS = { surface: 'rest', requestId: 'test' } as const;
