import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import {
  type ManagedTable,
  managedTable,
  optimizeManaged,
  pointedTables,
  vacuumManaged,
} from '../../build/transform/apply/maintain.js';
import { AssayError, error } from '../../errors/index.js';
import {
  type DeltaTable,
  filesAt,
  findTables,
  historyOf,
  type Optimized,
  openTable,
  optimizeTable,
  type PartitionValues,
  restoreTable,
  type Snapshot,
  tableAt,
  type Vacuumed,
  vacuumTable,
  versionAt,
} from '../../store/delta/index.js';
import type { Context } from '../context.js';
import { size } from '../print.js';
import type { LakeParts } from '../tables.js';
import { exportRows, formatOf } from './export-rows.js';
import { type LakeEngine, withLakeEngine } from './lake-engine.js';
import { bytesIn, historyText, type ListedTable, listedText, rowsIn, shownTable, shownText } from './tell-tables.js';
import { lakeRoot, momentOf, retentionOf, type TableName, tableNamed } from './where.js';

/** What a command was given. */
export interface LakeCall {
  readonly c: Context;
  readonly signal: AbortSignal;
}
export interface MomentFlags {
  readonly version?: string;
  readonly timestamp?: string;
}

const line = (c: Context, of: object): void => c.out(`${JSON.stringify(of)}\n`);

/** The whole service, for what only its ledger knows. It is loaded here: a folder's rows need none of it. */
const withLedger = async <T>({ c, signal }: LakeCall, work: (parts: LakeParts) => Promise<T>): Promise<T> => {
  const { withApp } = await import('../context.js');
  return withApp(c, (app) => work(app.tables.lakeParts()), signal);
};

/** Where a name's table is and which version its readers are at. Errors: `usage` for a name that is not published. */
const pointed = async (parts: LakeParts, environment: string, name: string) => {
  const pointers = await pointedTables(parts, environment);
  const found = pointers.find((pointer) => pointer.name === name);
  if (found?.lakePath === undefined)
    throw error('usage', {
      text: found
        ? `${name} is a view: it has no files`
        : `${environment} has no table ${name}; it has ${pointers.map((p) => p.name).join(', ') || 'none yet'}`,
    });
  return { path: `${parts.lake}/${found.lakePath}`, below: found.lakePath, version: found.lakeVersion };
};

const noTable = (path: string): AssayError => error('usage', { text: `there is no Delta table at ${path}` });

interface Opened extends LakeEngine {
  readonly table: DeltaTable;
  /** The version that readers of an environment are at, where the table was named so. */
  readonly published: number | undefined;
}

/** Opens a table to look at it, without the ledger unless its name says that it is needed. */
const looking = async <T>(call: LakeCall, text: string, environment: string, work: (of: Opened) => Promise<T>) => {
  const { c, signal } = call;
  const named: TableName = tableNamed(text, c.home.lake);
  const at =
    named.kind === 'place'
      ? { path: named.path, version: undefined }
      : await withLedger(call, (parts) => pointed(parts, environment, named.name));
  return withLakeEngine(c.config, c.home.lake, at.path, { writes: false, signal }, (of) =>
    work({ ...of, table: tableAt(at.path, of.engine), published: at.version }),
  );
};

export const list = async ({ c, signal }: LakeCall, prefix: string | undefined): Promise<void> => {
  const root = lakeRoot(c.home.lake);
  const path =
    prefix === undefined
      ? root
      : /^[\w/-]+$/.test(prefix) && !prefix.startsWith('/')
        ? `${root}/${prefix}`
        : lakeRoot(prefix);
  const tables = await withLakeEngine(c.config, c.home.lake, path, { writes: false, signal }, async ({ engine }) => {
    const found: ListedTable[] = [];
    for (const below of await findTables(filesAt(path), '')) {
      const at = below === '' ? path : `${path}/${below}`;
      const table = at.startsWith(`${root}/`) ? at.slice(root.length + 1) : at;
      try {
        const snapshot = await openTable(at, engine);
        if (snapshot)
          found.push({
            ...{ table, version: snapshot.version, files: snapshot.adds.length, rows: rowsIn(snapshot) },
            ...{ bytes: bytesIn(snapshot), partitionedBy: snapshot.metadata.partitionColumns },
          });
      } catch (thrown) {
        // One table that cannot be read keeps no other from being listed.
        if (!(thrown instanceof AssayError) || !thrown.code.startsWith('delta-')) throw thrown;
        found.push({ table, problem: thrown.message });
      }
    }
    return found;
  });
  if (c.json) line(c, { lake: path, tables });
  else c.out(tables.length === 0 ? `no Delta tables below ${path}\n` : listedText(tables));
};

export const history = (call: LakeCall, text: string, flags: { env: string; limit: string }): Promise<void> => {
  if (!/^[1-9]\d{0,5}$/.test(flags.limit))
    throw error('usage', { text: `--limit wants a whole number, not ${flags.limit}` });
  return looking(call, text, flags.env, async ({ table }) => {
    const entries = await historyOf(table, Number(flags.limit));
    if (entries.length === 0) throw noTable(table.path);
    if (call.c.json) line(call.c, { table: table.path, versions: entries });
    else call.c.out(historyText(entries));
  });
};

const snapshotOf = async ({ table, engine, published }: Opened, flags: MomentFlags): Promise<Snapshot> => {
  const moment = momentOf(flags);
  const version = moment === undefined ? published : await versionAt(table, moment);
  const snapshot = await openTable(table.path, engine, version);
  if (!snapshot) throw noTable(table.path);
  return snapshot;
};

export const show = (call: LakeCall, text: string, flags: MomentFlags & { env: string }): Promise<void> =>
  looking(call, text, flags.env, async (opened) => {
    const shown = shownTable(await snapshotOf(opened, flags), opened.published);
    if (call.c.json) line(call.c, shown);
    else call.c.out(shownText(shown));
  });

export const rows = (
  call: LakeCall,
  text: string,
  flags: MomentFlags & { env: string; format: string; out: string },
): Promise<void> => {
  const format = formatOf(flags.format);
  return looking(call, text, flags.env, async (opened) => {
    const snapshot = await snapshotOf(opened, flags);
    const to = { format, out: flags.out, tempDir: tmpdir() };
    const count = await exportRows(opened.duckdb, snapshot, to, call.signal);
    const told = { table: opened.table.path, version: snapshot.version, rows: count, format, out: flags.out };
    // Standard output may be the rows themselves.
    if (flags.out === '-') call.c.note(`${count} rows of version ${snapshot.version}`);
    else if (call.c.json) line(call.c, told);
    else call.c.out(`${count} rows of version ${snapshot.version} in ${flags.out}\n`);
  });
};

/** Changes a table: with the ledger where it knows of the table, else by the files alone. */
const changing = async <T>(
  call: LakeCall,
  text: string,
  environment: string,
  work: {
    readonly managed: (parts: LakeParts, table: ManagedTable) => Promise<T>;
    readonly plain: (table: DeltaTable, name: Extract<TableName, { kind: 'place' }>) => Promise<T>;
  },
): Promise<T> => {
  const { c, signal } = call;
  const named = tableNamed(text, c.home.lake);
  const withFiles = (place: Extract<TableName, { kind: 'place' }>) =>
    withLakeEngine(c.config, c.home.lake, place.path, { writes: true, signal }, async ({ engine }) => {
      const table = tableAt(place.path, engine);
      if (!(await openTable(place.path, engine))) throw noTable(place.path);
      return work.plain(table, place);
    });
  if (named.kind === 'place' && !/^(silver|gold)\//.test(named.below ?? '')) return withFiles(named);
  const done = await withLedger(call, async (parts) => {
    const below = named.kind === 'name' ? (await pointed(parts, environment, named.name)).below : (named.below ?? '');
    const managed = await managedTable(parts, below);
    return managed && { result: await work.managed(parts, managed) };
  });
  if (done) return done.result;
  if (named.kind === 'place') return withFiles(named);
  throw noTable(text);
};

const vacuumText = ({ files, bytes, retention }: Vacuumed, dryRun: boolean): string =>
  `${files.length} files (${size(bytes)}) ${dryRun ? 'would go' : 'went'}; what is younger than ${Math.round(retention / 3_600_000)} hours stays\n${dryRun ? files.map(({ path, bytes: of }) => `  ${path} (${size(of)})\n`).join('') : ''}`;

export const vacuum = async (
  call: LakeCall,
  text: string,
  flags: { env: string; retain?: string; dryRun?: boolean; force?: boolean },
): Promise<void> => {
  const retention = retentionOf(flags.retain);
  const options = {
    ...(retention === undefined ? {} : { retention }),
    ...{ force: flags.force === true, dryRun: flags.dryRun === true },
  };
  const done = await changing(call, text, flags.env, {
    managed: (parts, table) => vacuumManaged(parts, table, options),
    plain: (table) => vacuumTable(table, { ...options, signal: call.signal }),
  });
  if (call.c.json) line(call.c, { dryRun: options.dryRun, ...done });
  else call.c.out(vacuumText(done, options.dryRun));
};

/** `day=2010-12-01` (several: all must hold); `column=` is the null partition. Errors: `usage`. */
const partitionsOf = (wanted: readonly string[]): ((values: PartitionValues) => boolean) => {
  const pairs = wanted.map((text) => {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (name === undefined) throw error('usage', { text: `--where wants COLUMN=VALUE of a partition, not ${text}` });
    return [name, value === '' ? null : value] as const;
  });
  return (values) =>
    pairs.every(([name, value]) => {
      if (!(name in values)) throw error('usage', { text: `--where: ${name} is no partition column` });
      return (values[name] ?? null) === value;
    });
};

const optimizedText = (done: Optimized): string =>
  done.version === undefined
    ? 'nothing to do\n'
    : `version ${done.version}: ${done.filesBefore} files (${size(done.bytesBefore)}) in ${done.partitions} partitions became ${done.filesAfter} (${size(done.bytesAfter)}); ${done.rows} rows as before\n`;

export const optimize = async (
  call: LakeCall,
  text: string,
  flags: { env: string; zorder?: string; where?: readonly string[] },
): Promise<void> => {
  const zorderBy = (flags.zorder ?? '').split(',').flatMap((name) => name.trim() || []);
  const options = { zorderBy, where: partitionsOf(flags.where ?? []) };
  const done = await changing(call, text, flags.env, {
    managed: (parts, table) => optimizeManaged(parts, flags.env, table, options),
    plain: (table, { below }) => {
      if (below?.startsWith('bronze/')) call.c.note('tables that are made of it will be made again: its files changed');
      return optimizeTable(table, { ...options, txnId: randomUUID(), signal: call.signal });
    },
  });
  if (call.c.json) line(call.c, { ...done, version: done.version ?? null });
  else call.c.out(optimizedText(done));
};

export const restore = async (call: LakeCall, text: string, flags: MomentFlags & { env: string }): Promise<void> => {
  const to = momentOf(flags);
  if (to === undefined) throw error('usage', { text: 'restore wants --version N or --timestamp T' });
  const done = await changing(call, text, flags.env, {
    managed: async (_parts, { name }) => {
      throw error('not-supported', {
        what: `${name} belongs to publications, and cannot go back alone`,
        instead: `\`assay rollback ${flags.env}\` takes all tables back to what readers saw before`,
      });
    },
    plain: (table, { below }) => {
      if (below?.startsWith('bronze/'))
        throw error('not-supported', {
          what: `${below.replace('/', '.')} holds what was ingested, and the ledger counts on it`,
          instead: 'nothing that was ingested is taken back; `assay rollback` takes back what was made of it',
        });
      return restoreTable(table, { to, txnId: randomUUID(), signal: call.signal });
    },
  });
  if (call.c.json) line(call.c, done);
  else
    call.c.out(
      done.already
        ? `version ${done.version} holds just that already\n`
        : `version ${done.version} holds version ${done.restored} again: ${done.filesAdded} files came back, ${done.filesRemoved} went\n`,
    );
};
