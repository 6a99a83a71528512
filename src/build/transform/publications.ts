import { AssayError } from '../../errors/index.js';
import type { Emit, TableVersion } from '../../query/index.js';
import type { Warehouse } from '../../store/engine/index.js';
import {
  currentEnvironment,
  currentRevision,
  type EnvironmentState,
  PUBLICATION_CHANNEL,
  pinnedRelation,
  publications,
  type TablePointer,
  versionsById,
} from '../../store/state/index.js';
import { KEEP } from './apply/collect.js';
import { readStored, type StoredDefinition, storedView } from './meaning/stored.js';
import { viewVersion } from './plan/view-state.js';
import { PRODUCTION } from './plan/world.js';
import type { LakeView, Publication, PublishedTable } from './publication.js';
import { quoted } from './sql-text.js';
import { readsOfView, viewRelation } from './target/view-relation.js';

/** The published state as readers follow it. */
export interface Publications {
  /** The last one read; revision 0 without tables before the first build. */
  current(): Publication;
  /** Reads it now. */
  refresh(): Promise<Publication>;
  /** Called after `current` moved. Gives the way to stop it. */
  onMove(callback: (publication: Publication) => void): () => void;
  /**
   * What readers saw at an instant (microseconds since 1970), or when these tables had these versions last; undefined when they never
   * did, as far as the books go.
   */
  asOf(asked: bigint | readonly TableVersion[]): Promise<PastPublication | undefined>;
  close(): Promise<void>;
}

/** A publication of the past. */
export interface PastPublication {
  readonly publication: Publication;
  /** Whether the lake's files of its time are kept; else they may go at any moment. */
  readonly kept: boolean;
}

const POLL_MILLISECONDS = 1000;

const tableOf = (state: EnvironmentState, pointer: TablePointer): PublishedTable => ({
  name: pointer.name,
  // Version 0 is of the time before versions: such a table is never changed in place.
  postgres:
    pointer.postgres === undefined || pointer.versionId === 0
      ? pointer.postgres
      : pinnedRelation(pointer.postgres, pointer.versionId, pointer.changedAt),
  lake:
    pointer.lakePath === undefined || pointer.lakeVersion === undefined
      ? undefined
      : { path: `${state.lake ?? ''}/${pointer.lakePath}`, version: pointer.lakeVersion },
  dataVersion: pointer.dataVersion,
  rows: pointer.rows,
  since: pointer.changedAt,
});

/** A view over what the same publication has of its tables, so that it moves with them. */
const viewOf = (
  view: StoredDefinition,
  pointer: TablePointer,
  tableNamed: (name: string) => PublishedTable | undefined,
  has: (name: string) => boolean,
): PublishedTable => {
  const text = storedView(view);
  const below = new Map((text ? readsOfView(text, has) : []).map((name) => [name, tableNamed(name)]));
  const inLake = [...below.values()].flatMap((table) => table?.lakeView?.tables ?? (table?.lake ? [asked(table)] : []));
  const relation =
    text &&
    viewRelation(
      text,
      'duckdb',
      new Map([...below].map(([name, table]) => [name, table?.lakeView?.relation ?? (table?.lake && aliasOf(name))])),
    );
  return {
    ...{ name: pointer.name, rows: pointer.rows, lake: undefined },
    postgres: text && viewRelation(text, 'postgres', new Map([...below].map(([name, of]) => [name, of?.postgres]))),
    ...(relation === undefined
      ? {}
      : { lakeView: { relation, tables: [...new Map(inLake.map((of) => [of.alias, of])).values()] } }),
    dataVersion: viewVersion(
      view.fingerprint,
      [...below].map(([name, table]) => [name, table?.dataVersion ?? '']),
    ),
    since: Math.max(pointer.changedAt, ...[...below.values()].map((table) => table?.since ?? 0)),
  };
};
const aliasOf = (name: string): string => quoted(`lake ${name}`);
const asked = ({ name, lake }: PublishedTable): LakeView['tables'][number] => ({
  ...{ alias: aliasOf(name), path: lake?.path ?? '', version: lake?.version ?? 0 },
});

/** An environment's pointers as readers know them: lake paths absolute, tables in PostgreSQL held to the publication, views over both. */
export const publicationOf = (
  state: EnvironmentState,
  views: ReadonlyMap<number, StoredDefinition> = new Map(),
): Publication => {
  const pointers = new Map(state.pointers.map((pointer) => [pointer.name, pointer]));
  const tables = new Map<string, PublishedTable>();
  const tableNamed = (name: string): PublishedTable | undefined => {
    const pointer = pointers.get(name);
    const known = tables.get(name);
    if (known || !pointer) return known;
    const view = views.get(pointer.versionId);
    const made = view ? viewOf(view, pointer, tableNamed, (one) => pointers.has(one)) : tableOf(state, pointer);
    tables.set(name, made);
    return made;
  };
  return {
    revision: state.revision,
    tables: new Map(
      [...pointers.keys()].flatMap((name) => {
        const table = tableNamed(name);
        return table ? [[name, table] as const] : [];
      }),
    ),
  };
};

/** What an environment's readers see now. Errors: `environment-unknown`. */
export const readPublication = async (warehouse: Warehouse, environment: string): Promise<Publication> => {
  const state = await currentEnvironment(warehouse, environment);
  return publicationOf(state, await viewsOf(warehouse, state.pointers));
};

/** The views among what pointers name. */
const viewsOf = async (
  warehouse: Warehouse,
  pointers: readonly TablePointer[],
): Promise<ReadonlyMap<number, StoredDefinition>> => {
  const bare = pointers.filter(({ versionId, lakePath }) => versionId > 0 && lakePath === undefined);
  const versions = await versionsById(warehouse, [...new Set(bare.map(({ versionId }) => versionId))]);
  const views = [...versions].map(([id, { definition }]) => [id, readStored(definition)] as const);
  return new Map(views.filter(([, { view }]) => view !== undefined));
};

/** Publications that are looked through for the past: more than anyone makes in the time that is kept. */
const MOST_REVISIONS = 1000;

/** The publication that readers saw at an instant, or the last one with these versions. */
const pastPublication = async (
  warehouse: Warehouse,
  environment: string,
  asked: bigint | readonly TableVersion[],
): Promise<PastPublication | undefined> => {
  const records = await publications(warehouse, environment, MOST_REVISIONS);
  const state = await currentEnvironment(warehouse, environment);
  const views = await viewsOf(
    warehouse,
    records.flatMap(({ pointers }) => pointers),
  );
  const since = BigInt(Date.now()) * 1000n - KEEP.keepMicros;
  for (const [age, { revision, pointers, publishedAt }] of records.entries()) {
    if (typeof asked === 'bigint' && publishedAt > asked) continue;
    const publication = publicationOf({ ...state, revision, pointers }, views);
    if (
      typeof asked !== 'bigint' &&
      !asked.every(({ table, version }) => publication.tables.get(table)?.dataVersion === version)
    )
      continue;
    const seenUntil = records[age - 1]?.publishedAt;
    return { publication, kept: age < KEEP.keepRevisions || seenUntil === undefined || seenUntil > since };
  }
  return undefined;
};

/** Follows the published state: told by the warehouse, and looked up each second where telling fails. */
export const openPublications = async (
  warehouse: Warehouse,
  emit: Emit,
  environment: string = PRODUCTION,
): Promise<Publications> => {
  const callbacks = new Set<(publication: Publication) => void>();
  let current = await readPublication(warehouse, environment);
  let closed = false;
  const refresh = async (): Promise<Publication> => {
    const next = await readPublication(warehouse, environment);
    // Two reads may end in the other order than they began.
    if (next.revision > current.revision) {
      current = next;
      for (const callback of callbacks) callback(current);
    }
    return current;
  };
  let down = false;
  const look = async (): Promise<void> => {
    try {
      if (!closed && (await currentRevision(warehouse, environment)) !== current.revision) await refresh();
      down = false;
    } catch (thrown) {
      if (closed) return;
      if (!(thrown instanceof AssayError) || thrown.code !== 'postgres-unavailable')
        emit('bug', { where: 'publications', error: thrown });
      else if (!down) emit('notice', { message: `new publications cannot be seen: ${thrown.message}` });
      down = true;
    }
  };
  let looking = Promise.resolve();
  const lookSoon = () => {
    looking = looking.then(look);
  };
  const unlisten = await warehouse.listen(PUBLICATION_CHANNEL, lookSoon);
  const timer = setInterval(lookSoon, POLL_MILLISECONDS);
  timer.unref();
  return {
    current: () => current,
    refresh,
    asOf: (asked) => pastPublication(warehouse, environment, asked),
    onMove: (callback) => {
      callbacks.add(callback);
      return () => callbacks.delete(callback);
    },
    close: async () => {
      closed = true;
      clearInterval(timer);
      await unlisten();
      await looking;
    },
  };
};
