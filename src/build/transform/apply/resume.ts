import { type AddFile, fileOf, type Snapshot } from '../../../store/delta/index.js';
import { NO_STEP } from '../../../store/state/index.js';
import type { GraphNode } from '../files/graph.js';
import { RESTATED, type ToMake } from '../plan/decide.js';
import type { Made } from './make-batch.js';
import type { Work } from './work.js';

const sameInputs = (a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean => {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
};

/**
 * What an interrupted run had staged and audited, where it was made from just what is wanted now and its files are there: it need
 * not be made again. What a restatement asks for is taken from a run that was stopped at the same restatement, and from no other; files
 * have not changed since, so it has passed the checks of now. Anything else has passed those of then.
 */
export const takeStaged = async (
  work: Work,
  node: GraphNode,
  snapshot: Snapshot,
  open: readonly ToMake[],
): Promise<Made[]> => {
  const intervals = work.world.intervals.get(node.transform.id);
  const taken: Made[] = [];
  for (const toMake of open) {
    const staged = intervals?.get(toMake.partition)?.staged;
    if (!staged || staged.stepId === NO_STEP || !sameInputs(staged.inVersions, toMake.wanted)) continue;
    const again = toMake.because.includes(RESTATED);
    if (again ? staged.restatement !== work.order.restatement : work.newChecks.has(node.transform.id)) continue;
    // A step that wrote no files made an empty partition.
    const adds = staged.adds as unknown as readonly AddFile[];
    const there = await Promise.all(adds.map((add) => snapshot.table.files.stat(fileOf(snapshot.table, add))));
    if (there.some((file, i) => file === undefined || file.size !== adds[i]?.size)) continue;
    const { rows, bytes, contentHash, scoreMillionths, coverageMillionths, stepId, engine, route, milliseconds } =
      staged;
    taken.push({
      ...{ toMake, adds, stepId, engine, route, milliseconds },
      staged: {
        ...{ rows, bytes, contentHash, scoreMillionths, coverageMillionths, results: [], dimensions: new Map() },
        ...{ summary: { partition: toMake.partition, rows, columns: {} }, refused: undefined },
      },
    });
  }
  return taken;
};
