import { createHash } from 'node:crypto';
import { error } from '../../errors/index.js';
import type { Additivity, Catalogue, Member, RollupDefinition } from '../../model/catalog/index.js';
import type { LegCompiler } from '../../model/cube/index.js';
import { type Column, type DataType, typeText } from '../../query/index.js';
import type { RollupLayout } from './inventory.js';
import { nestsIn } from './span.js';

/** Changes when partitions are written in another way, so that older ones are made anew. */
const FORMAT = 1;

/** One column of a rollup's tables. */
export interface StoredColumn extends Column {
  /** Cube member; a time bucket as `sales.sold_at.day`. */
  readonly member: string;
  readonly additivity: Additivity | undefined;
  /** True for Cube's `count`: its total over no rows is zero, not null. */
  readonly counts: boolean;
}

/** A distinct count, least or greatest value that follows exactly from the kept dimensions; listed by the definition or not. */
export interface DerivedMeasure {
  readonly member: string;
  readonly type: DataType;
  /** The whole aggregate over the columns of the rollup's tables. */
  readonly sql: string;
}

/** How a definition is stored. The same in every process that has the same model. */
export interface StoredLayout {
  readonly definition: RollupDefinition;
  /** Dimensions, then the time bucket, then measures. */
  readonly columns: readonly StoredColumn[];
  readonly time: StoredColumn | undefined;
  readonly derived: readonly DerivedMeasure[];
  /** SHA-256 of the definition's hash and of the columns: partitions of another hash are not read. */
  readonly hash: string;
  readonly published: RollupLayout;
}

const unsupported = (definition: RollupDefinition, what: string) =>
  error('rollup-unsupported', {
    file: definition.place.file,
    line: definition.place.line,
    what: `rollup ${definition.id}: ${what}`,
  });

const memberOf = (definition: RollupDefinition, catalogue: Catalogue, name: string): Member => {
  const member = catalogue.members.get(name);
  if (!member) throw unsupported(definition, `there is no member ${name}`);
  return member;
};

/** Measures with ratios replaced by what they are divided from; each once, in order. */
const leafMeasures = (definition: RollupDefinition, catalogue: Catalogue): Member[] => {
  const found = new Map<string, Member>();
  const visit = (name: string, above: readonly string[]) => {
    const member = memberOf(definition, catalogue, name);
    if (member.kind !== 'measure') throw unsupported(definition, `${name} is no measure`);
    if (member.stage || member.level)
      throw unsupported(definition, `${name} is composed of another measure; list that one`);
    if (above.includes(name)) throw unsupported(definition, `${name} is divided by itself`);
    if (member.additivity === 'ratio' && member.ratio) {
      visit(member.ratio.numerator, [...above, name]);
      visit(member.ratio.denominator, [...above, name]);
    } else found.set(name, member);
  };
  for (const name of definition.measures) visit(name, []);
  return [...found.values()];
};

/** Decides the columns of a rollup's tables. Errors: `rollup-unsupported`. */
export const storedLayout = (definition: RollupDefinition, catalogue: Catalogue, legs: LegCompiler): StoredLayout => {
  const { timeDimension, granularity, partitionGranularity } = definition;
  if (partitionGranularity !== undefined) {
    if (timeDimension === undefined || granularity === undefined)
      throw unsupported(definition, 'partition_granularity needs time_dimension and granularity');
    if (!nestsIn(granularity, partitionGranularity))
      throw unsupported(
        definition,
        `buckets by ${granularity} do not lie within partitions by ${partitionGranularity}; choose a partition_granularity that holds whole buckets`,
      );
  }
  const dimensions = definition.dimensions.map((name) => memberOf(definition, catalogue, name));
  const columns: StoredColumn[] = [];
  const add = (member: string, type: DataType, role: Column['role'], additivity?: Additivity, counts = false) => {
    const column = { name: `r${columns.length}`, member, type, role, additivity, counts };
    columns.push(column);
    return column;
  };
  for (const d of dimensions) add(d.name, d.type, 'dimension');
  const kept = new Map(columns.map((c) => [c.member, `"${c.name}"`]));
  const time =
    timeDimension === undefined || granularity === undefined
      ? undefined
      : add(`${memberOf(definition, catalogue, timeDimension).name}.${granularity}`, { kind: 'timestamp' }, 'time');
  const derived: DerivedMeasure[] = [];
  const derive = (m: Member): boolean => {
    const sql = legs.measureOver(m.name, kept, 'duckdb');
    if (sql !== undefined) derived.push({ member: m.name, type: m.type, sql });
    return sql !== undefined;
  };
  const leaves = leafMeasures(definition, catalogue);
  for (const m of leaves)
    if (m.additivity !== 'count_distinct' || !derive(m))
      // a level is stored at its own grain; whoever reads it keeps to what it adds up over
      add(
        m.name,
        m.semiAdditive?.type ?? m.type,
        'measure',
        m.semiAdditive?.base ?? m.additivity,
        m.cubeType === 'count',
      );
  // plans serve these from the kept keys although the definition does not list them, so they are proven as well
  for (const m of catalogue.members.values())
    if (
      m.kind === 'measure' &&
      m.owner === definition.cube &&
      ['count_distinct', 'min', 'max'].includes(m.additivity) &&
      !leaves.includes(m)
    )
      derive(m);
  const measures = columns.filter((c) => c.role === 'measure');
  if (measures.length === 0)
    throw unsupported(definition, 'it stores no measure; add one that can be summed up, such as a count');
  const exactGrain = measures.filter((c) => !isAdditive(c)).map((c) => c.member);
  const hash = createHash('sha256')
    .update(JSON.stringify([FORMAT, definition.hash, columns.map((c) => [c.name, c.member, typeText(c.type)])]))
    .digest('hex');
  return {
    definition,
    columns,
    time,
    derived,
    hash,
    published: {
      columns: new Map(columns.map((c) => [c.member, c.name])),
      ...(exactGrain.length === 0 ? {} : { exactGrain: new Set(exactGrain) }),
    },
  };
};

/** The columns that a definition's tables have or would have. Errors: `rollup-unsupported`. */
export const rollupLayout = (definition: RollupDefinition, catalogue: Catalogue, legs: LegCompiler): RollupLayout =>
  storedLayout(definition, catalogue, legs).published;

/** True when a column's totals follow from its parts. */
export const isAdditive = (column: StoredColumn): boolean =>
  column.additivity === 'sum' || column.additivity === 'min' || column.additivity === 'max';

/** A type as DuckDB writes it. Times are kept without zone, in UTC: buckets of such columns are cut ten times faster. */
export const duckdbType = (type: DataType): string => {
  switch (type.kind) {
    case 'string':
      return 'VARCHAR';
    case 'boolean':
      return 'BOOLEAN';
    case 'integer':
      return 'INTEGER';
    case 'bigint':
      return 'BIGINT';
    case 'double':
      return 'DOUBLE';
    case 'date':
      return 'DATE';
    case 'timestamp':
      return 'TIMESTAMP';
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`;
  }
};

/** The aggregate that gives a stored measure's value for a coarser group, in its exact type. */
export const totalOf = (column: StoredColumn): string => {
  const aggregate = `${column.additivity}("${column.name}")`;
  const total = column.counts ? `coalesce(${aggregate}, 0)` : aggregate;
  return `CAST(${total} AS ${duckdbType(column.type)})`;
};
