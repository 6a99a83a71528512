import { markedPlace, tableToken } from '../../query/index.js';
import { type Catalogue, calendarBucket, calendarSql } from '../catalog/index.js';
import type { DialectSql } from './dialect-sql.js';
import { legFilterClass } from './leg-filter.js';
import type { Compilers, CubePackages, CubeQuery, CubeTimeDimension, SqlFunction } from './parts.js';
import type { Shape, Slot } from './slots.js';

/** What our dialects read beside Cube's own options. */
export interface LegOptions {
  readonly leg: Shape;
  readonly catalogue: Catalogue;
  readonly asWritten: (table: string) => void;
}

/** A query of ours: Cube's, with everything changed that a leg needs otherwise. */
export interface LegSqlQuery extends CubeQuery {
  unmasked<T>(work: () => T): T;
}
export type LegDialect = new (compilers: Compilers, options: object) => LegSqlQuery;

const BELOW_DAY = /second|minute|hour/;

/** True for buckets that are days or made of days: their value is a date. */
export const isDateBucket = (interval: string): boolean => !BELOW_DAY.test(interval);

/** Buckets: a day and longer is a date of the zone; shorter is the instant at which the bucket begins. */
const legTimeClass = (Base: CubePackages['BaseTimeDimension'], sql: DialectSql) =>
  class LegTime extends Base {
    override dimensionSql(): string {
      const query = this.query;
      const { catalogue } = query.options as unknown as LegOptions;
      const context = query.safeEvaluateSymbolContext();
      const rendered = context.renderedReference?.[`${this.dimension}.${this.granularity}`] !== undefined;
      if (rendered || context.rollupQuery || context.wrapQuery) return super.dimensionSql();
      const column = query.dimensionSql(this);
      const granularity = this.granularityObj;
      if (!granularity) return column;
      const member = catalogue.members.get(this.dimension);
      const own = calendarBucket(this.granularity ?? '', catalogue.calendars);
      if (own && member?.granularities.includes(own.name)) {
        const clock = member.type.kind === 'date' ? sql.wallClock(column) : sql.local(column, query.timezone);
        return `${calendarSql(clock, own)}::date`;
      }
      if (member?.type.kind === 'date')
        return `${query.dimensionTimeGroupedColumn(sql.wallClock(column), granularity)}::date`;
      const local = sql.local(column, query.timezone);
      const start = query.dimensionTimeGroupedColumn(local, granularity);
      // subtracting the time since the bucket's start keeps the two runs of a repeated hour apart
      return isDateBucket(granularity.granularityInterval) ? `${start}::date` : sql.clockBucket(column, local, start);
    }
  };

/**
 * A dialect whose statements hold no value, choose no rollup, and name tables by tokens. Each needs a class name of its own, because
 * Cube's query cache is keyed by it.
 */
export const legDialect = (packages: CubePackages, kind: 'postgres' | 'duckdb', sql: DialectSql): LegDialect => {
  const Filter = legFilterClass(packages.BaseFilter);
  const Time = legTimeClass(packages.BaseTimeDimension, sql);
  const Base = kind === 'postgres' ? packages.PostgresQuery : packages.DuckDbQuery;
  const Class = {
    [`Leg_${kind}`]: class extends Base {
      private get leg(): LegOptions {
        return this.options as unknown as LegOptions;
      }
      newFilter(filter: object) {
        return new Filter(this, filter);
      }
      override newTimeDimension(options: object): CubeTimeDimension {
        return new Time(this, options);
      }
      place(slot: Slot): string {
        return this.paramAllocator.allocateParamsForQuestionString(sql.cast(slot.cast), [slot]);
      }
      unmasked<T>(work: () => T): T {
        return this.evaluateSymbolSqlWithContext(work, { skipMasking: true, currentMember: null });
      }
      /** Keys and join conditions use real values, never masks. */
      override primaryKeySql(key: string, cube: string): string {
        return this.unmasked(() => super.primaryKeySql(key, cube));
      }
      override evaluateSql(cube: string, text: SqlFunction, ...rest: unknown[]): string {
        return this.join?.joins.some((j) => j.join.sql === text)
          ? this.unmasked(() => super.evaluateSql(cube, text, ...rest))
          : super.evaluateSql(cube, text, ...rest);
      }
      /** Of a view that begins at several cubes, only the join paths of this leg's: Cube takes the first that ends where it wants to. */
      override queryJoinMap() {
        const { catalogue, leg } = this.leg;
        const names = [...leg.measures, ...leg.dimensions, ...leg.time.map((t) => t.dimension)];
        const roots = new Set(names.flatMap((name) => catalogue.members.get(name)?.path?.[0] ?? []));
        const maps = Object.entries(super.queryJoinMap());
        if (roots.size === 0) return Object.fromEntries(maps);
        return Object.fromEntries(maps.map(([view, paths]) => [view, paths.filter((p) => roots.has(p[0] ?? ''))]));
      }
      /** Choosing rollups is the planner's. */
      override newPreAggregations() {
        const none = super.newPreAggregations();
        none.rollupMatchResults = () => [];
        none.findPreAggregationForQuery = () => undefined;
        return none;
      }
      override cubeSql(cube: string): string {
        const table = this.leg.catalogue.tables.get(cube);
        if (table === undefined) return super.cubeSql(cube);
        this.leg.asWritten(table);
        return tableToken(table);
      }
      convertTz(field: string): string {
        return field;
      }
      /** Whether some measure's rows are multiplied by a join: Cube then aggregates over keys, and columns have other names. */
      private get multiplies(): boolean {
        const { catalogue, leg } = this.leg;
        return leg.measures.some((name) => {
          const cube = (catalogue.members.get(name)?.aliasOf ?? name).split('.')[0] ?? '';
          return this.join?.multiplicationFactor[cube] === true;
        });
      }
      orderBy(): string {
        const { dimensions, order } = this.leg.leg;
        if (order.length === 0) return '';
        const items = order.map(({ column, dir, nulls }) => {
          const name = dimensions[column];
          const dimension = this.dimensions[column];
          const text =
            name !== undefined && !this.multiplies && this.leg.catalogue.members.get(name)?.type.kind === 'string';
          const by =
            text && dimension && kind === 'postgres' ? sql.byCodePoint(dimension.dimensionSql()) : `${column + 1}`;
          return `${by} ${dir === 'desc' ? 'DESC' : 'ASC'} NULLS ${nulls === 'first' ? 'FIRST' : 'LAST'}`;
        });
        return ` ORDER BY ${items.join(', ')}`;
      }
      groupByDimensionLimit(): string {
        const { limit, offset } = this.leg.leg;
        return `${limit ? ` LIMIT ${this.place(limit)}` : ''}${offset ? ` OFFSET ${this.place(offset)}` : ''}`;
      }
      /** Numbered places in both engines: a statement may then be moved into another by adding to its numbers. */
      override newParamAllocator(given: unknown) {
        return Object.assign(super.newParamAllocator(given), { paramPlaceHolder: markedPlace });
      }
      get shouldReuseParams(): boolean {
        return true;
      }
    },
  }[`Leg_${kind}`];
  return Class as unknown as LegDialect;
};
