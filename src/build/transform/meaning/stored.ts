import { createHash } from 'node:crypto';
import { error } from '../../../errors/index.js';
import { parseType, typeText } from '../../../query/index.js';
import type { ContractRules, Kind, Transform } from '../files/definition.js';
import { bodyFor } from '../step/shape.js';
import type { ViewText } from '../target/view-relation.js';
import type { ColumnEdge, Meaning } from './meaning.js';

/** A contract column as it is kept: `type` is the text form. */
export type StoredColumn = { readonly name: string; readonly type: string; readonly nullable: boolean };

type Hashes = Readonly<Record<string, string>>;

/** What is kept of a model version, as JSON: enough to compare a later file with it and to print it. */
export type StoredDefinition = {
  readonly format: 1;
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly kind: Kind;
  readonly file: string;
  /** The whole file. */
  readonly text: string;
  readonly contract: readonly StoredColumn[];
  readonly rules: ContractRules;
  readonly forwardOnly: boolean;
  /** Hashes of the statement: of each top-level projection (undefined where one more may change rows), of the rest, of its parts. */
  readonly statement: { readonly projections?: readonly string[]; readonly rest: string; readonly parts: Hashes };
  readonly definition: Readonly<Record<string, unknown>>;
  readonly rowset: string;
  readonly columns: Hashes;
  readonly own: { readonly rowset: string; readonly columns: Hashes };
  readonly reads: Readonly<Record<string, { readonly rowset: string; readonly columns: Hashes }>>;
  readonly lineage: {
    readonly columns: Readonly<Record<string, readonly ColumnEdge[]>>;
    readonly rows: readonly ColumnEdge[];
    readonly opaque: readonly string[];
  };
  /** Of a view: the tables that it stands on (id to their `dataHash`), and its SELECT for each engine that it is in. */
  readonly view?: { readonly over: Hashes; readonly bodies: ViewText['bodies'] };
  readonly dataHash: string;
  readonly metaHash: string;
  readonly fingerprint: string;
};

const short = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** A view as it is read, by its file. */
export const viewTextOf = (transform: Transform): ViewText => ({
  file: transform.file,
  columns: transform.columns,
  bodies: {
    duckdb: bodyFor(transform, 'duckdb').text,
    ...(transform.targets.has('postgres') ? { postgres: bodyFor(transform, 'postgres').text } : {}),
  },
});

/** A view as it is read, by what is kept of its version; undefined: it is a table. */
export const storedView = ({ file, contract, view }: StoredDefinition): ViewText | undefined =>
  view && {
    ...{ file, bodies: view.bodies },
    columns: contract.flatMap(({ name, type }) => {
      const known = parseType(type);
      return known ? [{ name, type: known }] : [];
    }),
  };

/** What is to be kept of a transform, to compare later files with. */
export const storedOf = (transform: Transform, meaning: Meaning): StoredDefinition => {
  const { projections, rest, parts, lineage } = meaning;
  return {
    format: 1,
    id: transform.id,
    name: transform.name,
    version: transform.version,
    kind: transform.kind,
    file: transform.file,
    text: transform.text,
    contract: transform.columns.map(({ name, type, nullable }) => ({ name, type: typeText(type), nullable })),
    rules: transform.contract,
    forwardOnly: transform.forwardOnly,
    statement: { ...(projections ? { projections: projections.map(short) } : {}), rest: short(rest), parts },
    definition: meaning.definition,
    rowset: meaning.rowset,
    columns: Object.fromEntries(meaning.columns),
    own: { rowset: meaning.own.rowset, columns: Object.fromEntries(meaning.own.columns) },
    reads: Object.fromEntries(
      [...meaning.reads].map(([name, { rowset, columns }]) => [name, { rowset, columns: Object.fromEntries(columns) }]),
    ),
    lineage: {
      columns: Object.fromEntries(lineage.columns),
      rows: lineage.rows,
      opaque: [...lineage.opaque],
    },
    ...(meaning.over ? { view: { over: meaning.over, bodies: viewTextOf(transform).bodies } } : {}),
    dataHash: meaning.dataHash,
    metaHash: meaning.metaHash,
    fingerprint: meaning.fingerprint,
  };
};

/** What was kept, read back. Errors: `internal` when another Assay wrote it in another form. */
export const readStored = (definition: Readonly<Record<string, unknown>>): StoredDefinition => {
  if (definition['format'] !== 1)
    throw error('internal', {}, new TypeError(`a stored definition has the form ${String(definition['format'])}`));
  return definition as StoredDefinition;
};
