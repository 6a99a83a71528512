import { byteText, type Classified, innerQuery, type StatementPlan } from '../../answer/sql/index.js';

/** A statement that the client has prepared, and what is known of it. */
export interface Statement {
  /** Undefined: several statements, or a text that only PostgreSQL can judge. */
  readonly classified: Classified | undefined;
  /** Reads the model, and its query can be planned. */
  readonly model: boolean;
  /** Where its query stands, in bytes of the classified text. */
  readonly inner: readonly [number, number] | undefined;
  /** Blanks before the statement in the text that the client sent, so that positions stay. */
  readonly padding: string;
  /** Positions in the text as it runs, as positions in the text that the client sent. */
  readonly original: (position: number) => number;
  parameters: readonly number[] | undefined;
  /** RowDescription of the statement, and of the query inside of it where it is another. */
  row: Buffer | undefined;
  innerRow: Buffer | undefined;
  /** The rewritten statement in the backend. */
  rewritten: { readonly name: string; readonly sql: string } | undefined;
}

/** A query inside a statement, without kinds that are refused by the row policy. */
export const statementOf = (
  classified: Classified | undefined,
  padding = '',
  original: Statement['original'] = (position) => position,
): Statement => {
  const inner = classified && innerQuery(classified);
  return {
    classified,
    model: !!classified?.model && inner !== undefined,
    inner,
    padding,
    original,
    parameters: undefined,
    row: undefined,
    innerRow: undefined,
    rewritten: undefined,
  };
};

/** A portal of the client's. `swapped`: it runs the rewritten statement now. */
export interface Portal {
  readonly statement: Statement;
  readonly formats: readonly number[];
  readonly values: readonly (Buffer | null)[];
  readonly results: readonly number[];
  swapped: boolean;
}

/** What stands for a statement's query when it runs: text before, the plan, text behind. */
export interface Frameworked {
  readonly before: string;
  readonly plan: StatementPlan;
  readonly after: string;
}

/** The statement of a PREPARE, as it is run by EXECUTE. */
export const preparedBody = (classified: Classified): Classified | undefined => {
  const { node, text } = classified;
  if (!('PrepareStmt' in node) || !node.PrepareStmt.query) return undefined;
  const query = node.PrepareStmt.query;
  const words = /\bAS\b/i.exec(text);
  if (!words) return undefined;
  const at = words.index + words[0].length;
  const body = byteText('') as typeof text;
  return {
    ...classified,
    kind: Object.keys(query)[0] ?? '',
    node: query,
    text: (body + text.slice(at)) as typeof text,
    at: classified.at + at,
  };
};
