import { error } from '../../../errors/index.js';
import { fits } from './engine-pins.js';
import type { World } from './world.js';

/** Tables that a plan is of; all others keep their pointers and their rows. */
export type Selection = ReadonlySet<string>;

/** Whether a table is of a plan; without a selection every one is. */
export const isOf = (selection: Selection | undefined, id: string): boolean => selection?.has(id) ?? true;

const pointerOf = (world: World, id: string): number | undefined =>
  world.comparedWith.pointers.find(({ name }) => name === id)?.versionId;

/** Whether the files give a table the meaning that readers have. */
const isAsPublished = (world: World, id: string): boolean =>
  pointerOf(world, id) !== undefined && pointerOf(world, id) === world.versions.get(id)?.id;

/**
 * The tables that patterns ask for. Views over them come along, for they have no rows of their own and stand on just these tables; so does
 * the history of checks, which every run writes on. Errors: `usage` for a pattern that no table fits, and
 * for an environment that has no tables of its own.
 */
export const selectionOf = (world: World, patterns: readonly string[]): Selection => {
  const { environment, comparedWith } = world;
  if (patterns.length === 0) throw error('usage', { text: '--select wants tables or patterns, such as gold.dim_*' });
  if (environment.pointers.length === 0 && comparedWith.pointers.length > 0)
    throw error('usage', {
      text: `${environment.name} has no tables yet, so --select has nothing to leave as it is: plan it as a whole first (what is as in ${comparedWith.name} is shared, not copied)`,
    });
  const known = [
    ...new Set([
      ...world.nodes.map(({ transform }) => transform.id),
      ...world.comparedWith.pointers.map((p) => p.name),
    ]),
  ];
  const selected = new Set<string>();
  for (const pattern of patterns) {
    const found = known.filter((id) => fits(pattern, id));
    if (found.length === 0)
      throw error('usage', {
        text: `--select ${pattern}: there is no such table; tables are ${known.sort().join(', ')}`,
      });
    for (const id of found) selected.add(id);
  }
  for (const { transform, reads } of world.nodes) {
    const { id, kind } = transform;
    if (kind === 'view' && [...reads].some((read) => selected.has(read))) selected.add(id);
    if (kind === 'history' && isAsPublished(world, id)) selected.add(id);
  }
  return selected;
};

/** Why a selection cannot be made by itself: what it reads of the rest is not what readers have. */
export const notByItself = (world: World, selection: Selection | undefined): readonly string[] =>
  selection === undefined
    ? []
    : world.nodes.flatMap(({ transform: { id }, needs }) =>
        !selection.has(id)
          ? []
          : [...needs].sort().flatMap((need) => {
              if (selection.has(need) || isAsPublished(world, need)) return [];
              const state = pointerOf(world, need) === undefined ? 'is not there yet' : 'has changed';
              return [
                `${id} reads ${need}, which ${state} and is left out: it would be made from what is not published with it; select ${need}, too`,
              ];
            }),
      );
