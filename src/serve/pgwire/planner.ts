import {
  explainLines,
  normalForm,
  normalisation,
  planStatement,
  quoteLiteral,
  readable,
  type SlotValue,
  type StatementPlan,
  slotQuery,
  slotValues,
} from '../../answer/sql/index.js';
import { error } from '../../errors/index.js';
import { readRowDescription } from './codec/read.js';
import { askInBand } from './in-band.js';
import type { SessionParts } from './parts.js';
import { type BlockRun, explainBlocks, runBlocks } from './run-blocks.js';
import { type Snapshot, snapshotOf, snapshotQuery } from './snapshot.js';
import type { Statement } from './statement.js';

/** Plans that are kept for one facade; beyond, all are forgotten. */
const MOST_PLANS = 5_000;
/** Longer texts are planned anew each time. */
const LONGEST_KEPT = 65_536;

/** A statement that is ready to run: the text that takes its place, and the arrays for its further parameters. */
export interface Ready {
  readonly sql: string;
  readonly arrays: readonly Buffer[];
  /** The rows must have the described types. EXPLAIN's are ours. */
  readonly checked: boolean;
}

/** What planning found: an answer to hand over, nothing to plan (relay the statement as it is), or an error that was shown already. */
export type Planned = Ready | 'relay' | 'failed';

export interface Bound {
  readonly types: readonly number[];
  readonly formats: readonly number[];
  readonly values: readonly (Buffer | null)[];
}

/** Plans and runs the blocks of one execution. Errors: those of planning and of `Ask`. */
export const planAndRun = async (parts: SessionParts, statement: Statement, bound: Bound): Promise<Planned> => {
  const { classified, inner } = statement;
  if (!classified || !inner) return 'relay';
  const row = await askInBand(parts.conversation, snapshotQuery(classified.relations));
  if (!row) return 'failed';
  const snapshot = snapshotOf(row[0] ?? []);
  const query = readable(classified.text.slice(inner[0], inner[1]));
  const plan = await planOf(parts, query, bound.types, snapshot);
  if (!plan) return 'relay';
  const values = await slots(parts, plan, bound);
  if (!values) return 'failed';
  const aborter = parts.begin();
  try {
    const run: BlockRun = {
      ask: parts.ask,
      caller: parts.caller,
      requestId: parts.requestId(),
      signal: aborter.signal,
      snapshot,
      values,
    };
    if (classified.kind === 'ExplainStmt') return await explained(statement, plan, run);
    const { arrays, provenance } = await runBlocks(plan.blocks, run);
    if (snapshot.provenance) for (const p of provenance) parts.notice('provenance', JSON.stringify(p));
    return handedOver(statement, plan, bound, arrays);
  } catch (thrown) {
    if (thrown instanceof Error) parts.told.add(thrown);
    throw thrown;
  } finally {
    parts.finish(aborter);
  }
};

const planOf = async (
  { database }: SessionParts,
  query: string,
  types: readonly number[],
  snapshot: Snapshot,
): Promise<StatementPlan | undefined> => {
  const key = JSON.stringify([query, types, snapshot.parse, snapshot.stubs]);
  const known = database.plans.get(key);
  if (known) return known === 'relay' ? undefined : (known as StatementPlan);
  const helper = await database.helper();
  const names = await helper.typesOf(types);
  const [made] = await Promise.all([
    helper.query(normalisation(query, names, snapshot.parse, snapshot.stubs)),
    helper.query('ROLLBACK'),
  ]);
  const body = made.rows.at(-1)?.[0];
  if (made.error || !body)
    throw error('not-supported', {
      what: `the query cannot be planned: ${made.error?.get('M') ?? 'it has no normal form'}`,
      instead: 'ask the model in a plain SELECT',
    });
  const plan = planStatement(normalForm(body), database.facade, database.functions);
  if (database.plans.size >= MOST_PLANS) database.plans.clear();
  if (key.length <= LONGEST_KEPT) database.plans.set(key, plan ?? 'relay');
  return plan;
};

/** Values of every block's slots, evaluated by the session where they are no literals. */
const slots = async (
  { conversation }: SessionParts,
  plan: StatementPlan,
  bound: Bound,
): Promise<readonly (readonly SlotValue[])[] | undefined> => {
  const out: (readonly SlotValue[])[] = [];
  for (const block of plan.blocks) {
    const sql = slotQuery(block.slots);
    const rows = sql === undefined ? [[]] : await askInBand(conversation, sql, bound);
    if (!rows) return undefined;
    out.push(slotValues(block.slots, rows[0] ?? []));
  }
  return out;
};

const around = ({ classified, inner }: Statement): readonly [string, string] => {
  if (!classified || !inner) return ['', ''];
  return [readable(classified.text.slice(0, inner[0])), readable(classified.text.slice(inner[1]))];
};

const handedOver = (
  statement: Statement,
  plan: StatementPlan,
  bound: Bound,
  arrays: readonly (readonly string[])[],
): Ready => {
  const described = statement.innerRow ?? statement.row;
  const names = described ? readRowDescription(described).map((c) => c.name) : [];
  const firsts: number[] = [];
  let next = bound.types.length + 1;
  for (const block of arrays) {
    firsts.push(next);
    next += block.length;
  }
  const literal = statement.classified?.kind === 'CopyStmt'; // COPY takes no parameters
  const put = (block: number, column: number) =>
    literal ? `${quoteLiteral(arrays[block]?.[column] ?? '{}')}::text[]` : `$${(firsts[block] ?? 0) + column}`;
  const [before, after] = around(statement);
  return {
    sql: before + plan.text(put, names) + after,
    arrays: literal ? [] : arrays.flat().map((a) => Buffer.from(a, 'utf8')),
    checked: true,
  };
};

const explained = async (statement: Statement, plan: StatementPlan, run: BlockRun): Promise<Ready> => {
  const node = statement.classified?.node;
  const options = node && 'ExplainStmt' in node ? (node.ExplainStmt.options ?? []) : [];
  if (options.some((o) => 'DefElem' in o && o.DefElem.defname === 'format'))
    throw error('not-supported', { what: 'EXPLAIN of the model has one format', instead: 'EXPLAIN without FORMAT' });
  const lines = explainLines(await explainBlocks(plan.blocks, run));
  const items = lines.map((l) => `"${l.replace(/["\\]/g, '\\$&')}"`);
  const array = quoteLiteral(`{${items.join(',')}}`);
  return { sql: `SELECT unnest(${array}::text[]) AS "QUERY PLAN"`, arrays: [], checked: false };
};
