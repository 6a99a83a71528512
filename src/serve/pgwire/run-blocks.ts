import type { Ask } from '../../answer/run/index.js';
import { ArrayText, type Block, postgresType, questionOf, type SlotValue } from '../../answer/sql/index.js';
import { error } from '../../errors/index.js';
import type { Caller, Explanation, Provenance } from '../../query/index.js';
import { type Snapshot, zoneName } from './snapshot.js';

/** One run of a statement's blocks. */
export interface BlockRun {
  readonly ask: Ask;
  readonly caller: Caller;
  readonly requestId: string;
  readonly signal: AbortSignal;
  readonly snapshot: Snapshot;
  /** Values of each block's slots. */
  readonly values: readonly (readonly SlotValue[])[];
}

/** Whether the session's zone decides which bucket a row is in. Dates are in the same one everywhere. */
const isZoned = ({ times, table }: Block): boolean =>
  times.some((t) => table.columns.find((c) => c.member === t.dimension)?.type.kind !== 'date');

const question = (block: Block, run: BlockRun, i: number) =>
  questionOf(block, run.values[i] ?? [], {
    timezone: isZoned(block) ? zoneName(run.snapshot.timezone) : 'UTC',
    source: run.snapshot.source,
  });

const options = (run: BlockRun) => ({ surface: 'sql', requestId: run.requestId, signal: run.signal }) as const;

/** The model was loaded anew since the session began, and a member has another type now. */
const modelMoved = () =>
  error('not-supported', {
    what: 'cached plan must not change result type',
    instead: 'connect again: the model has changed',
  });

/** Rows of all blocks: for each block, for each of its columns, a text array in PostgreSQL's notation. Errors: those of `Ask.query`. */
export const runBlocks = async (
  blocks: readonly Block[],
  run: BlockRun,
): Promise<{ readonly arrays: readonly (readonly string[])[]; readonly provenance: readonly Provenance[] }> => {
  const arrays: string[][] = [];
  const provenance: Provenance[] = [];
  for (const [i, block] of blocks.entries()) {
    const answer = await run.ask.query(question(block, run, i), run.caller, options(run));
    const columns = block.columns.map(({ from, type: wanted }) => {
      const at = answer.columns.findIndex((c) => c.name === from);
      const column = answer.columns[at];
      if (!column) throw error('internal', { requestId: run.requestId }, `the answer has no column ${from}`);
      // A bucket is a date or an instant; both are what PostgreSQL's type of the bucket reads.
      if (column.role !== 'time' && postgresType(column.type) !== wanted) throw modelMoved();
      return { at, text: new ArrayText(column.type) };
    });
    for await (const batch of answer.rows) for (const { at, text } of columns) text.add(batch, at);
    arrays.push(columns.map((c) => c.text.text));
    provenance.push(answer.provenance());
  }
  return { arrays, provenance };
};

/** The plans of all blocks, without running them. Errors: those of `Ask.explain`. */
export const explainBlocks = async (blocks: readonly Block[], run: BlockRun): Promise<readonly Explanation[]> => {
  const out: Explanation[] = [];
  for (const [i, block] of blocks.entries())
    out.push(await run.ask.explain(question(block, run, i), run.caller, options(run)));
  return out;
};
