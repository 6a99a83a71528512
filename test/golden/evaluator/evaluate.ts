import type { Comparison, Filter, MeasureSelection, MetricQuery } from '../../../src/query/index.js';
import { plainUnit } from './calendars.js';
import { bucket, bucketsIn, earlier, earlierWeek, extent, instant, partner, type Shift } from './clock.js';
import { byPoint, holds, tree } from './conditions.js';
import {
  type Count,
  countMeasure,
  DIFFERENCES,
  type Exact,
  LEVELS,
  type Line,
  measure,
  OF_COUNTS,
  OF_PERIODS,
  over,
  QUOTIENTS,
  SCALE,
  text,
} from './lines.js';

/** Answers metric queries over lines by plain loops. Cells are texts in exact form, instants in UTC. */
export type Cell = string | null;

const sign = (a: bigint | number, b: bigint | number) => (a < b ? -1 : a > b ? 1 : 0);
const short = (name: string) => name.replace('shop.', '');

const passes = (line: Line, filter: Filter | undefined, zone: string): boolean =>
  filter === undefined ||
  tree(filter, (member, op, values) => {
    const value = line[short(member) as keyof Line];
    const order = (i: number): number => {
      const given = values[i] ?? '';
      if (typeof value === 'bigint') return sign(value, instant(String(given), zone));
      if (typeof value === 'number') return sign(value, Number(given));
      return typeof value === 'boolean' ? sign(Number(value), Number(given)) : byPoint(String(value), String(given));
    };
    return holds(op, value !== null, order, values.length, String(value), String(values[0] ?? ''));
  }) === true;

/** One row: which groups it has, their cells (null for totals), and the lines of the base that are its own. */
interface Row {
  readonly set: readonly string[];
  readonly cells: ReadonlyMap<string, Cell>;
}

/** A cell, a number with its digits, or a flag. */
type Found =
  | { readonly cell: Cell }
  | { readonly number: Exact | null; readonly scale: number }
  | { readonly flag: boolean };

/** Whose rows a measure is of. */
const MEASURES_OF: Readonly<Record<string, 'lines' | 'counts'>> = Object.fromEntries([
  ...OF_COUNTS.map((name) => [name, 'counts'] as const),
  ...[
    ...['amount', 'units', 'lines', 'most', 'least', 'buyers', 'keepers', 'returns', 'average', 'by_buyer_units'],
    ...['per_buyer', 'best_buyer', 'of_kind', 'of_all', 'share', 'average_by_unit', 'shops', 'space'],
    ...['big_buyers', 'good_buyer', 'amount_then', 'change', 'growth', 'so_far', 'up_to', 'new_buyers'],
    ...['buyers_then', 'both', 'lost', 'churn'],
  ].map((name) => [name, 'lines'] as const),
]);

const subsets = (names: readonly string[]): string[][] =>
  names.length === 0 ? [[]] : subsets(names.slice(1)).flatMap((rest) => [[names[0] ?? '', ...rest], rest]);

class Evaluation {
  readonly zone: string;
  readonly time;
  readonly range: readonly [bigint, bigint] | undefined;
  readonly groups: readonly string[];
  readonly timed: string | undefined;
  readonly granularity: string;
  readonly items: readonly MeasureSelection[];
  readonly rows: readonly Row[];

  /** Counts as lines that were sold when their day began. */
  readonly counts: readonly (Line & { readonly counted: Count })[];

  constructor(
    readonly query: MetricQuery,
    readonly lines: readonly Line[],
    counts: readonly Count[],
  ) {
    this.zone = query.timezone ?? 'UTC';
    this.time = query.time?.[0];
    const { range } = this.time ?? {};
    this.range =
      range && !('period' in range) ? [instant(range[0], this.zone), instant(range[1], this.zone)] : undefined;
    this.granularity = this.time?.granularity ?? '';
    this.timed = this.granularity === '' ? undefined : `shop.sold_at.${this.granularity}`;
    this.groups = [...(query.dimensions ?? []), ...(this.timed ? [this.timed] : [])];
    this.items = (query.measures ?? []).map((m) => (typeof m === 'string' ? { measure: m, as: m } : m));
    this.counts = counts.map((counted) => ({
      ...({ kind: null, buyer: null, returned: null, qty: null, amount: null } as const),
      id: counted.id,
      shop: counted.shop,
      region: counted.region,
      sold_at: counted.day === null ? null : instant(counted.day, this.zone),
      counted,
    }));
    this.rows = this.sets().flatMap((set) => this.rowsOf(set));
  }

  sets(): readonly (readonly string[])[] {
    const { totals } = this.query;
    const all = this.groups;
    if (totals === undefined || totals === 'none') return [all];
    if (totals === 'grand') return [all, []];
    if (totals === 'rollup') return Array.from({ length: all.length + 1 }, (_, i) => all.slice(0, all.length - i));
    const sets = totals === 'cube' ? subsets(all) : (totals as readonly (readonly string[])[]);
    return [...new Map(sets.map((s) => [all.filter((g) => s.includes(g)).join(), s])).values()];
  }
  cell(line: Line, group: string): Cell {
    if (group === this.timed) return line.sold_at === null ? null : bucket(line.sold_at, this.granularity, this.zone);
    const value = line[short(group) as keyof Line];
    return value === null ? null : String(value);
  }
  within(line: Line, from: bigint, to: bigint): boolean {
    return line.sold_at !== null && line.sold_at >= from && line.sold_at < to;
  }
  rowsOf(set: readonly string[]): Row[] {
    const found = new Map<string, Row>();
    const add = (cells: ReadonlyMap<string, Cell>) => found.set(JSON.stringify([...cells]), { set, cells });
    if (set.length === 0) add(new Map());
    for (const line of this.facts().flat())
      if (passes(line, this.query.where, this.zone) && (!this.range || this.within(line, ...this.range)))
        add(new Map(set.map((g) => [g, this.cell(line, g)])));
    const { timed, range } = this;
    if (this.time?.fill && timed && range && set.includes(timed)) {
      const others =
        set.length === 1 ? [new Map<string, Cell>([[timed, null]])] : [...found.values()].map((r) => r.cells);
      for (const cells of others)
        for (const start of bucketsIn(...range, this.granularity, this.zone)) {
          const filled = new Map(cells);
          filled.set(timed, start);
          add(filled);
        }
    }
    return [...found.values()];
  }

  /** The lines, the counts or both: whatever the measures are of. */
  facts(): (readonly Line[])[] {
    const leaves = (f: MetricQuery['having']): string[] =>
      f === undefined
        ? []
        : 'member' in f
          ? [f.member]
          : 'not' in f
            ? leaves(f.not)
            : ('and' in f ? f.and : f.or).flatMap(leaves);
    const named = [
      ...this.items.map((i) => i.measure),
      ...leaves(this.query.having),
      ...(this.query.order ?? []).map((o) => o.by),
    ]
      .map(short)
      .filter((name) => name in MEASURES_OF);
    const of = new Set(named.map((name) => MEASURES_OF[name]));
    return [...(of.has('counts') ? [this.counts] : []), ...(of.has('lines') || of.size === 0 ? [this.lines] : [])];
  }

  shiftOf({ shift }: Comparison, range = this.range): Shift {
    if (shift !== 'previous') {
      const [n, unit = ''] = shift.includes(' ') ? shift.split(' ') : ['1', `${shift}_year`];
      return { count: Number(n), unit: unit.replace(/s$/, '') };
    }
    const [from, to] = range ?? [0n, 0n];
    const whole = (g: string) => [from, to].every((end) => extent(bucket(end, g, this.zone), g, this.zone)[0] === end);
    if (this.granularity !== '' && whole(this.granularity)) {
      const hours = this.granularity === 'hour';
      return {
        count: hours ? Number((to - from) / 3_600_000_000n) : bucketsIn(from, to, this.granularity, this.zone).length,
        unit: this.granularity,
      };
    }
    return { count: bucketsIn(from, to, 'day', this.zone).length, unit: 'day' };
  }
  /** The range of a comparison. */
  earlierRange(shift: Shift): readonly [bigint, bigint] {
    const [from, to] = this.range ?? [0n, 0n];
    const move = (end: bigint) =>
      this.granularity === 'week' && plainUnit(shift.unit) === 'year'
        ? instant(earlierWeek(bucket(end, 'week', this.zone), shift.count).monday, this.zone)
        : earlier(end, shift, this.zone);
    return [move(from), move(to)];
  }
  /** The lines that a value of a row is over; undefined where a comparison has nothing to compare with. */
  linesOf(row: Row, item: MeasureSelection, compare: Comparison | undefined): readonly Line[] | undefined {
    const { timed } = this;
    const level = LEVELS[short(item.measure)];
    const set = level ? row.set.filter((g) => level.includes(short(g))) : row.set;
    const bucketed = timed !== undefined && set.includes(timed);
    const shift = compare ? this.shiftOf(compare) : undefined;
    const range = shift ? this.earlierRange(shift) : this.range;
    let own = bucketed ? (row.cells.get(timed) ?? null) : null;
    if (bucketed && own !== null && shift) {
      const found = partner(own, this.granularity, shift, this.zone);
      if (found === undefined) return undefined;
      own = found;
    }
    let stretch = range;
    if (item.window) {
      const end = own !== null ? extent(own, this.granularity, this.zone)[1] : (range?.[1] ?? 0n);
      if ('trailing' in item.window) {
        const [n, unit = ''] = item.window.trailing.split(' ');
        stretch = [earlier(end, { count: Number(n), unit: unit.replace(/s$/, '') }, this.zone), end];
      } else {
        const unit = item.window.toDate;
        stretch = [extent(bucket(end - 1n, unit, this.zone), unit, this.zone)[0], end];
      }
    }
    const period = OF_PERIODS[short(item.measure)];
    if (period && stretch) stretch = this.otherStretch(period[1], own, stretch, compare);
    if (short(item.measure) === 'carried' && stretch) {
      const end = own !== null ? extent(own, this.granularity, this.zone)[1] : stretch[1];
      return this.passing(item).filter(
        (line) =>
          line.sold_at !== null &&
          line.sold_at < end &&
          set.every((g) => g === timed || this.cell(line, g) === row.cells.get(g)),
      );
    }
    return this.passing(item).filter(
      (line) =>
        (!stretch || this.within(line, ...stretch)) &&
        set.every((g) => {
          if (g !== timed) return this.cell(line, g) === row.cells.get(g);
          return item.window || period ? true : this.cell(line, g) === own;
        }),
    );
  }
  /** Another stretch than a row's own: that of its bucket, or the range. */
  otherStretch(
    take: 'previous' | 'both' | 'before' | 'until',
    own: Cell,
    range: readonly [bigint, bigint],
    compare: Comparison | undefined,
  ): readonly [bigint, bigint] {
    const [from, to] = own === null ? range : extent(own, this.granularity, this.zone);
    if (take === 'before' || take === 'until') return [-(10n ** 20n), take === 'before' ? from : to];
    const previous = () => {
      if (own !== null) return extent(bucket(from - 1n, this.granularity, this.zone), this.granularity, this.zone)[0];
      const shift = this.shiftOf({ as: '', shift: 'previous' }, range);
      return compare && this.granularity === 'week' && shift.unit === 'year' ? from : earlier(from, shift, this.zone);
    };
    return [previous(), take === 'previous' ? from : to];
  }
  readonly passed = new Map<MeasureSelection, readonly Line[]>();
  /** Lines that satisfy the query's conditions and a measure's own, of any time. */
  passing(item: MeasureSelection): readonly Line[] {
    const known =
      this.passed.get(item) ??
      (OF_COUNTS.includes(short(item.measure)) ? this.counts : this.lines).filter(
        (l) => passes(l, this.query.where, this.zone) && passes(l, item.where, this.zone),
      );
    this.passed.set(item, known);
    return known;
  }
  value(row: Row, item: MeasureSelection, compare?: Comparison): Exact | null {
    const lines = this.linesOf(row, item, compare);
    const of = (name: string) => this.value(row, { ...item, measure: `shop.${name}` }, compare);
    const quotient = QUOTIENTS[short(item.measure)];
    if (quotient) return over(of(quotient[0]), of(quotient[1]));
    const difference = DIFFERENCES[short(item.measure)];
    if (difference) {
      const [a, b] = [of(difference[0]), of(difference[1])];
      return a === null || b === null ? null : { n: a.n * b.d - b.n * a.d, d: a.d * b.d };
    }
    const level = LEVELS[short(item.measure)];
    const groups = level ? row.set.filter((g) => level.includes(short(g))) : row.set;
    if (lines === undefined || (compare && groups.length > 0 && lines.length === 0)) return null;
    const name = OF_PERIODS[short(item.measure)]?.[0] ?? short(item.measure);
    if (!OF_COUNTS.includes(name)) return measure(name, lines);
    return countMeasure(
      short(item.measure),
      lines.flatMap((l) => ('counted' in l ? [l.counted as Count] : [])),
    );
  }

  readonly known = new Map<Row, Map<string, Found>>();
  column(row: Row, name: string): Found {
    const mine = this.known.get(row) ?? new Map<string, Found>();
    this.known.set(row, mine);
    const found = mine.get(name) ?? this.looked(row, name);
    mine.set(name, found);
    return found;
  }
  /** A column's value in a row. */
  looked(row: Row, name: string): Found {
    if (this.groups.includes(name)) return { cell: row.cells.get(name) ?? null };
    const flag = /^(.*)\.is_total$/.exec(name)?.[1];
    if (flag !== undefined && this.groups.includes(flag)) return { flag: !row.set.includes(flag) };
    const scaleOf = (item: MeasureSelection) => SCALE[short(item.measure)] ?? 0;
    for (const item of this.items) {
      if (item.as === name) return { number: this.value(row, item), scale: scaleOf(item) };
      for (const c of this.query.compare ?? []) {
        if (!name.startsWith(`${item.as}.${c.as}`)) continue;
        const [now, then] = [this.value(row, item), this.value(row, item, c)];
        if (name === `${item.as}.${c.as}`) return { number: then, scale: scaleOf(item) };
        if (name.endsWith('.ratio')) return { number: over(now, then), scale: 6 };
        const apart = now === null || then === null ? null : { n: now.n * then.d - then.n * now.d, d: now.d * then.d };
        return { number: apart, scale: scaleOf(item) };
      }
    }
    return { number: this.value(row, { measure: name, as: name }), scale: SCALE[short(name)] ?? 0 };
  }

  /** Columns of the answer, in their order. */
  columns(): string[] {
    const { compare = [], totals } = this.query;
    return [
      ...this.groups,
      ...this.items.map((i) => i.as),
      ...compare.flatMap((c) =>
        this.items.flatMap((i) =>
          (c.show ?? ['value']).map((s) => (s === 'value' ? `${i.as}.${c.as}` : `${i.as}.${c.as}.${s}`)),
        ),
      ),
      ...(totals === undefined || totals === 'none' ? [] : this.groups.map((g) => `${g}.is_total`)),
    ];
  }

  compareBy(a: Row, b: Row, name: string): number | 'first null' | 'second null' {
    const [x, y] = [this.column(a, name), this.column(b, name)];
    if ('flag' in x && 'flag' in y) return Number(x.flag) - Number(y.flag);
    if ('number' in x && 'number' in y) {
      const [m, n] = [text(x.number, x.scale), text(y.number, y.scale)].map((t) =>
        t === null ? null : BigInt(t.replace('.', '')),
      );
      if (m === null || m === undefined || n === null || n === undefined)
        return m === n ? 0 : m === null ? 'first null' : 'second null';
      return sign(m, n);
    }
    const [c, d] = ['cell' in x ? x.cell : null, 'cell' in y ? y.cell : null];
    if (c === null || d === null) return c === d ? 0 : c === null ? 'first null' : 'second null';
    return name === 'shop.qty' ? Number(c) - Number(d) : byPoint(c, d);
  }

  answer(): Cell[][] {
    const { having, order = [], offset = 0, limit, totals } = this.query;
    const kept = this.rows.filter(
      (row) =>
        having === undefined ||
        tree(having, (member, op, values) => {
          const found = this.column(row, member);
          if (!('number' in found)) throw new Error('having is over measures');
          const mine = text(found.number, found.scale);
          const compared = (i: number) => {
            const given = BigInt(Math.round(Number(values[i]) * 1e6));
            return sign(BigInt((mine ?? '0').replace('.', '')) * 10n ** BigInt(6 - found.scale), given);
          };
          return holds(op, mine !== null, compared, values.length, '', '');
        }) === true,
    );
    const flagged = totals !== undefined && totals !== 'none';
    const by = [
      ...order,
      ...this.groups.flatMap((g) => [{ by: g }, ...(flagged ? [{ by: `${g}.is_total` }] : [])]),
    ] as NonNullable<MetricQuery['order']>;
    kept.sort((a, b) => {
      for (const { by: name, dir = 'asc', nulls = 'last' } of by) {
        const compared = this.compareBy(a, b, name);
        if (compared === 'first null') return nulls === 'first' ? -1 : 1;
        if (compared === 'second null') return nulls === 'first' ? 1 : -1;
        if (compared !== 0) return dir === 'asc' ? compared : -compared;
      }
      return 0;
    });
    const columns = this.columns();
    return kept.slice(offset, limit === undefined ? undefined : offset + limit).map((row) =>
      columns.map((name): Cell => {
        const found = this.column(row, name);
        if ('flag' in found) return String(found.flag);
        return 'cell' in found ? found.cell : text(found.number, found.scale);
      }),
    );
  }
}

/** The rows of a query's answer. */
export const evaluate = (query: MetricQuery, lines: readonly Line[], counts: readonly Count[] = []): Cell[][] =>
  new Evaluation(query, lines, counts).answer();
