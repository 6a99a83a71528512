import { AssayError, error } from '../../../errors/index.js';
import type { Emit } from '../../../query/index.js';
import { publishChange } from '../commit/publish-change.js';
import { declaredRules } from '../rules/rules.js';
import { checkWritable, constraintsOf, featuresOf, withFeature } from '../rules/writable.js';
import { namingDamage } from '../scan/damage.js';
import { relation } from '../scan/relation.js';
import { takeSnapshot } from '../snapshot/snapshot.js';
import type { DeltaTable, Domain, Metadata, Protocol, Snapshot } from '../types.js';

/** A change of what a table is, not of its rows: a commit of its own, which conflicts with every writer that is at work. */
export interface Alter {
  readonly txnId: string;
  /** Milliseconds since 1970; default the clock. */
  readonly now?: number;
  readonly emit?: Emit;
  readonly signal?: AbortSignal;
}

/** What a table is to become. */
export interface Altered {
  readonly operation: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly metadata?: Metadata;
  readonly protocol?: Protocol;
  readonly domains?: readonly Domain[];
  /** True where the rows were looked at: then nobody may have added others since. */
  readonly readsRows?: boolean;
}

/** Others who alter the table at the same moment are let go first, this many times. */
const ATTEMPTS = 10;

/** The table's newest snapshot, where it can be written. Errors: `delta-schema`, `delta-unsupported`. */
const writableSnapshot = async (table: DeltaTable): Promise<Snapshot> => {
  const snapshot = await takeSnapshot(table);
  if (!snapshot) throw error('delta-schema', { table: table.path, what: 'there is no table' });
  checkWritable(table.path, snapshot.protocol, snapshot.metadata, snapshot.schema);
  return snapshot;
};

const attempt = async (snapshot: Snapshot, altered: Altered, alter: Alter): Promise<Snapshot> => {
  const { table } = snapshot;
  const { version } = await publishChange({
    ...{ snapshot, adds: [], removes: [], txnId: alter.txnId, operation: altered.operation },
    reads: altered.readsRows ? 'table' : 'nothing',
    ...(altered.parameters ? { parameters: altered.parameters } : {}),
    ...(altered.metadata ? { metadata: altered.metadata } : {}),
    ...(altered.protocol ? { protocol: altered.protocol } : {}),
    ...(altered.domains ? { domains: altered.domains } : {}),
    ...(alter.now === undefined ? {} : { now: alter.now }),
    ...(alter.emit ? { emit: alter.emit } : {}),
    ...(alter.signal ? { signal: alter.signal } : {}),
  });
  return (await takeSnapshot(table, version)) ?? snapshot;
};

/**
 * Alters a table as `make` says of its newest snapshot, and again of a newer one where another writer came first; nothing where it
 * says undefined. Gives the snapshot after it.
 */
export const alterTable = async (
  table: DeltaTable,
  alter: Alter,
  make: (snapshot: Snapshot) => Altered | undefined | Promise<Altered | undefined>,
): Promise<Snapshot> => {
  for (let tries = 1; ; tries++) {
    const snapshot = await writableSnapshot(table);
    const altered = await make(snapshot);
    if (!altered) return snapshot;
    try {
      return await attempt(snapshot, altered, alter);
    } catch (thrown) {
      if (!(thrown instanceof AssayError && thrown.code === 'delta-conflict') || tries === ATTEMPTS) throw thrown;
    }
  }
};

const configured = (metadata: Metadata, change: Readonly<Record<string, string | undefined>>): Metadata => ({
  ...metadata,
  configuration: Object.fromEntries(
    Object.entries({ ...metadata.configuration, ...change }).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, value] as const],
    ),
  ),
});

/** Properties of the protocol that need no feature of a table, and that we keep. */
const FREE = new Set([
  'appendOnly',
  'checkpointInterval',
  'dataSkippingNumIndexedCols',
  'dataSkippingStatsColumns',
  'deletedFileRetentionDuration',
  'enableExpiredLogCleanup',
  'isolationLevel',
  'logRetentionDuration',
  'parquet.compression.codec',
  'targetFileSize',
]);

/** Refuses a property of the protocol that would oblige writers to more than we keep. Errors: `delta-unsupported`. */
export const checkProperties = (table: string, properties: Readonly<Record<string, string | undefined>>): void => {
  for (const key of Object.keys(properties))
    if (key.startsWith('delta.') && !FREE.has(key.slice('delta.'.length)))
      throw error('delta-unsupported', { table, feature: `setting ${key}` });
};

/** Sets properties of a table, or takes them away where undefined. Errors: `delta-unsupported`, `delta-conflict`. */
export const setProperties = (
  table: DeltaTable,
  properties: Readonly<Record<string, string | undefined>>,
  alter: Alter,
): Promise<Snapshot> => {
  checkProperties(table.path, properties);
  return alterTable(table, alter, ({ metadata }) => {
    const same = Object.entries(properties).every(([key, value]) => metadata.configuration[key] === value);
    return same
      ? undefined
      : {
          operation: 'SET TBLPROPERTIES',
          parameters: { properties: JSON.stringify(properties) },
          metadata: configured(metadata, properties),
        };
  });
};

const isName = (name: string): boolean => /^\w+$/.test(name);

/**
 * Adds a CHECK that all rows, those that are there too, keep. `condition` is Spark SQL, as all writers of the table read it.
 * Errors: `delta-constraint` (rows break it), `delta-schema` (the name is taken), `delta-unsupported` (a condition that we cannot
 * evaluate exactly), `delta-conflict`.
 */
export const addConstraint = (table: DeltaTable, name: string, condition: string, alter: Alter): Promise<Snapshot> =>
  alterTable(table, alter, async (snapshot) => {
    const known = [...constraintsOf(snapshot.metadata)].find(([other]) => other.toLowerCase() === name.toLowerCase());
    if (known?.[1] === condition) return undefined;
    if (known || !isName(name))
      throw error('delta-schema', {
        table: table.path,
        what: known
          ? `it has a constraint ${known[0]} (${known[1]})`
          : `${JSON.stringify(name)} is no name of a constraint`,
      });
    const metadata = configured(snapshot.metadata, { [`delta.constraints.${name.toLowerCase()}`]: condition });
    const [rule] = declaredRules({ ...snapshot, metadata }).slice(-1);
    const sql = `SELECT (count(*) FILTER (WHERE ${rule?.broken}))::VARCHAR AS n FROM ${relation(snapshot)}`;
    const options = alter.signal ? { signal: alter.signal } : {};
    const [row] = await namingDamage(snapshot, snapshot.adds, options, () => table.engine.query(sql, options));
    if (row?.['n'] !== '0')
      throw error('delta-constraint', {
        ...{ table: table.path, constraint: rule?.constraint ?? name, rows: String(row?.['n']) },
      });
    const { protocol } = snapshot;
    const parameters = { name, expr: condition };
    const altered = { operation: 'ADD CONSTRAINT', parameters, metadata, readsRows: true };
    if (featuresOf(protocol).has('checkConstraints')) return altered;
    const next =
      protocol.minWriterVersion === 7
        ? withFeature(protocol, 'checkConstraints')
        : { ...protocol, minWriterVersion: 3 };
    return { ...altered, protocol: next };
  });

/** Takes a CHECK away; nothing where there is none of this name. Errors: `delta-conflict`, `delta-unsupported`. */
export const dropConstraint = (table: DeltaTable, name: string, alter: Alter): Promise<Snapshot> =>
  alterTable(table, alter, ({ metadata }) => {
    const key = Object.keys(metadata.configuration).find(
      (k) => k.toLowerCase() === `delta.constraints.${name.toLowerCase()}`,
    );
    return key === undefined
      ? undefined
      : { operation: 'DROP CONSTRAINT', parameters: { name }, metadata: configured(metadata, { [key]: undefined }) };
  });

/** From the next commit on the log keeps commit times itself, whatever happens to its files. Readers need not know. */
export const keepCommitTimes = (table: DeltaTable, alter: Alter): Promise<Snapshot> =>
  alterTable(table, alter, ({ metadata, protocol }) =>
    metadata.configuration['delta.enableInCommitTimestamps'] === 'true'
      ? undefined
      : {
          operation: 'SET TBLPROPERTIES',
          parameters: { properties: '{"delta.enableInCommitTimestamps":"true"}' },
          metadata: configured(metadata, { 'delta.enableInCommitTimestamps': 'true' }),
          ...(featuresOf(protocol).has('inCommitTimestamp')
            ? {}
            : { protocol: withFeature(protocol, 'inCommitTimestamp') }),
        },
  );

/**
 * Keeps a text of an application with the table, under a name of its own; undefined takes it away. Two who write one name at once
 * conflict. Errors: `delta-unsupported` (names that begin with `delta.`), `delta-conflict`.
 */
export const setDomain = (
  table: DeltaTable,
  domain: string,
  configuration: string | undefined,
  alter: Alter,
): Promise<Snapshot> => {
  if (domain.startsWith('delta.'))
    throw error('delta-unsupported', { table: table.path, feature: `the domain ${domain}` });
  return alterTable(table, alter, ({ domains, protocol }) => {
    const known = domains.get(domain);
    if (known?.configuration === configuration) return undefined;
    const next = {
      domain,
      configuration: configuration ?? known?.configuration ?? '',
      removed: configuration === undefined,
    };
    return {
      ...{ operation: 'SET DOMAIN', parameters: { domain }, domains: [next] },
      ...(featuresOf(protocol).has('domainMetadata') ? {} : { protocol: withFeature(protocol, 'domainMetadata') }),
    };
  });
};
