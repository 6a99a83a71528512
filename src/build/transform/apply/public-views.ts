import { type ModelVersion, type PointerTarget, versionsById } from '../../../store/state/index.js';
import type { Transform } from '../files/definition.js';
import { readStored, storedView, viewTextOf } from '../meaning/stored.js';
import { readsOfView, type ViewText, viewRelation } from '../target/view-relation.js';
import type { Parts } from './parts.js';
import type { Work } from './work.js';

/** What a name of an environment stands for in PostgreSQL: a physical table, or a view over other names. */
export interface Shown {
  readonly transform: Transform;
  /** Physical, quoted; undefined: a view, or not in PostgreSQL. */
  readonly table: string | undefined;
  readonly view: ViewText | undefined;
}

/** What stands after FROM in a public view: the physical table; a view is written over the physical tables under it. */
export const relationIn = (shown: ReadonlyMap<string, Shown>, name: string): string | undefined => {
  const one = shown.get(name);
  if (one?.view === undefined) return one?.table;
  const reads = readsOfView(one.view, (id) => shown.has(id));
  return viewRelation(one.view, 'postgres', new Map(reads.map((id) => [id, relationIn(shown, id)])));
};

/** Names that a view reads, those under its views too. */
export const namesUnder = (shown: ReadonlyMap<string, Shown>, name: string): readonly string[] => {
  const view = shown.get(name)?.view;
  if (view === undefined) return [name];
  return readsOfView(view, (id) => shown.has(id)).flatMap((id) => namesUnder(shown, id));
};

/** The view of a transform by its file; undefined: it is a table. */
export const viewOfTransform = (transform: Transform): ViewText | undefined =>
  transform.kind === 'view' ? viewTextOf(transform) : undefined;

/** The view of a version by what the ledger keeps of it; undefined: it is a table. */
export const viewOfVersion = ({ definition }: Pick<ModelVersion, 'definition'>): ViewText | undefined =>
  storedView(readStored(definition));

/**
 * A view that would stay as it was while a table under it becomes another: it cannot stand on what it was not written for, and readers
 * would lose it. Undefined: every view fits the tables that would be published with it.
 */
export const stuckView = async (
  parts: Parts,
  { world }: Pick<Work, 'world'>,
  pointers: readonly PointerTarget[],
): Promise<{ readonly view: string; readonly table: string } | undefined> => {
  if (!world.nodes.some(({ transform }) => transform.kind === 'view')) return undefined;
  const versions = await versionsById(
    parts.warehouse,
    pointers.map(({ versionId }) => versionId),
  );
  const hashes = new Map(pointers.map(({ name, versionId }) => [name, versions.get(versionId)?.dataHash]));
  for (const { name, versionId } of pointers) {
    const version = versions.get(versionId);
    const over = version && readStored(version.definition).view?.over;
    for (const [table, hash] of Object.entries(over ?? {}))
      if (hashes.get(table) !== hash) return { view: name, table };
  }
  return undefined;
};
