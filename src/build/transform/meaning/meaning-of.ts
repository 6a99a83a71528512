import { createHash } from 'node:crypto';
import { error } from '../../../errors/index.js';
import { typeText } from '../../../query/index.js';
import type { ParquetEngine } from '../../../store/delta/index.js';
import type { GraphNode } from '../files/graph.js';
import { type Reference, render } from '../files/template.js';
import { quoted } from '../sql-text.js';
import { canonicalOf } from './canonical.js';
import { contractColumns } from './contract-columns.js';
import { dataDefinition, metaDefinition, rowDefinition, squeeze } from './definition-hash.js';
import { type Inputs, inputsOf, type MeaningContext, nameOfRef } from './inputs.js';
import { type Analysis, analyse, lineageOf, readsOf } from './lineage.js';
import { lint } from './lint.js';
import type { Meaning, Warning } from './meaning.js';
import { merge, wild } from './resolve/scope.js';
import { digest, parse, parseAhead, type Statement } from './tree.js';

export type { MeaningContext };

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** References as names that no file can mean otherwise, for the parser only. */
const placeholder = (of: Reference): string => {
  switch (of.kind) {
    case 'ref':
      return `"@ref".${quoted(nameOfRef(of))}`;
    case 'source':
    case 'seed':
      return `"@${of.kind}".${quoted(of.name)}`;
    case 'run':
      return "CAST('@run.ts' AS timestamptz)";
    case 'partition':
      return `CAST('@partition.${of.bound}' AS timestamptz)`;
    default:
      return `"@${of.kind}"."${of.kind}"`;
  }
};

/** The SELECT as the parser gets it. */
const textOf = ({ transform: { file, body, bodyLine } }: GraphNode): string =>
  render(file, body, bodyLine, placeholder);

/** The statement, or undefined when it is written for another engine in words that DuckDB's parser does not know. */
const statementOf = async (engine: ParquetEngine, node: GraphNode, text: string): Promise<Statement | undefined> => {
  const { file, bodyLine, engine: choice } = node.transform;
  const parsed = parse(engine, { file, text, firstLine: bodyLine });
  return choice.dialect === 'duckdb' ? parsed : parsed.catch(() => undefined);
};

interface Said {
  readonly canonical: string;
  readonly projections: readonly string[] | undefined;
  readonly rest: string;
  readonly parts: Readonly<Record<string, string>>;
  readonly warnings: readonly Warning[];
  /** Works the statement out over its inputs. */
  over(inputs: Inputs): Analysis;
}

const understood = ({ transform }: GraphNode, statement: Statement): Said => {
  const warnings = lint(statement, transform);
  const { text, ...canonical } = canonicalOf(statement.root);
  const over = (inputs: Inputs) => analyse(transform.file, statement, inputs.base);
  return { ...canonical, canonical: text, warnings, over };
};

/** A text that only its engine can read: everything that it refers to counts whole. */
const opaque = ({ transform }: GraphNode, text: string): Said => {
  const canonical = squeeze(text);
  const what = `the columns of ${transform.engine.dialect} are not traced: every column of every input counts`;
  return {
    ...{ canonical, projections: undefined, rest: canonical, parts: { 'the statement': digest(canonical) } },
    warnings: [{ file: transform.file, line: transform.bodyLine, what }],
    over: (inputs) => {
      const unread = new Set<string>();
      return { relation: wild({ opaque: unread }, canonical, inputs.all()), opaque: unread };
    },
  };
};

/**
 * What a transform means. Errors: `transform-invalid` with the line: not one SELECT, a table read without a reference, results that
 * the inputs do not decide (now(), random(), LIMIT without ORDER BY, ...), columns that are not those of the contract.
 */
export const meaningOf = async (engine: ParquetEngine, node: GraphNode, context: MeaningContext): Promise<Meaning> => {
  const text = textOf(node);
  const statement = await statementOf(engine, node, text);
  const { over: workOut, ...said } = statement ? understood(node, statement) : opaque(node, text);
  const inputs = inputsOf(node, context);
  const found = contractOf(node, workOut(inputs));
  const own = contractOf(node, workOut(inputsOf(node, context, true)));
  const { columns, rows, opaque: unread } = found;
  const definition = dataDefinition(node.transform);
  const over = node.transform.kind === 'view' ? tablesUnder(node, context) : undefined;
  const dataHash = sha256(JSON.stringify([definition, found.rowset, [...found.hashes], ...(over ? [over] : [])]));
  return {
    ...said,
    ...(over ? { over } : {}),
    rowset: found.rowset,
    columns: found.hashes,
    own: { rowset: own.rowset, columns: own.hashes },
    lineage: lineageOf(columns, rows, unread),
    reads: readsOf(columns, rows, unread, inputs.known),
    definition,
    dataHash,
    metaHash: sha256(JSON.stringify(metaDefinition(node.transform))),
    fingerprint: dataHash.slice(0, 8),
  };
};

const tablesUnder = ({ reads }: GraphNode, { meanings }: MeaningContext): Readonly<Record<string, string>> =>
  Object.fromEntries([...reads].sort().map((id) => [id, meanings.get(id)?.dataHash ?? '']));

/** The statement's result as the table's: its columns by name, and its rows as the kind makes them. */
const contractOf = ({ transform }: GraphNode, analysis: Analysis) => {
  const { columns, rows } = contractColumns(transform, analysis);
  return {
    rowset: digest(['rows', analysis.relation.rows, rows.form, rowDefinition(transform)]),
    hashes: new Map(
      transform.columns.map(({ name, type }) => [
        name,
        digest(['column', columns.get(name)?.hash ?? '', typeText(type)]),
      ]),
    ),
    columns: new Map([...columns].map(([name, { edges }]) => [name, edges])),
    rows: merge(analysis.relation.edges, rows.edges),
    opaque: analysis.opaque,
  };
};

/** The meanings of all transforms, id to meaning, in the given order, in which each comes after what it reads. */
export const meaningsOf = async (
  engine: ParquetEngine,
  nodes: readonly GraphNode[],
  context: Omit<MeaningContext, 'meanings'>,
): Promise<Map<string, Meaning>> => {
  const meanings = new Map<string, Meaning>();
  await parseAhead(engine, nodes.map(textOf));
  for (const node of nodes) {
    const { transform } = node;
    for (const id of node.needs)
      if (!meanings.has(id) && node.reads.has(id))
        throw error('internal', {}, new TypeError(`${transform.id} is asked for before ${id}`));
    meanings.set(transform.id, await meaningOf(engine, node, { ...context, meanings }));
  }
  return meanings;
};
