import type { Catalogue, EventLayout, Feature, Member } from '../../../model/catalog/index.js';
import { countedBy } from '../../../model/catalog/index.js';
import type { LegCompiler } from '../../../model/cube/index.js';
import type { ChosenView } from '../choose.js';
import { lookUp, type Words } from './words.js';

/** One view's share of the statement: its common table expressions, and where each feature's value is. */
export interface ViewParts {
  /** `name AS (...)`, in order. */
  readonly tables: readonly string[];
  /** Joined to `spine s`, in order. */
  readonly joins: readonly string[];
  /** By the feature's path: its value. */
  readonly values: ReadonlyMap<string, string>;
  /** How each feature is computed, for the explanation. */
  readonly how: readonly string[];
}

export interface ViewInput {
  readonly chosen: ChosenView;
  readonly layout: EventLayout;
  /** The view's number in the statement, and its entity's. */
  readonly view: number;
  readonly entity: number;
  /** The text of the events' leg, in place. */
  readonly leg: string;
  readonly catalogue: Catalogue;
  readonly legs: LegCompiler;
  readonly words: Words;
}

type Window = Extract<Feature, { kind: 'window' }>;
type Last = Extract<Feature, { kind: 'last' }>;

/** Sums of exact types can be told from running sums; a double's sum depends on its order, so it is added up anew. */
const isExact = (m: Member): boolean => ['integer', 'bigint', 'decimal'].includes(m.type.kind);
const isCount = (m: Member): boolean => m.cubeType === 'count' || m.additivity === 'count_distinct';

/** Builds one view's part. Only numbers and names of its own making get into the text; values are places of the leg. */
export const viewParts = (input: ViewInput): ViewParts => {
  const { chosen, layout, view: v, entity, words, catalogue } = input;
  const { view } = chosen;
  const member = (name: string): Member => catalogue.members.get(name) as Member;
  const known = layout.availableAt !== undefined;
  const windows = chosen.features.filter((f): f is Window => f.kind === 'window');
  const lasts = chosen.features.filter((f): f is Last => f.kind === 'last');
  const running = known
    ? []
    : windows.filter((f) => member(f.measure).additivity === 'sum' && isExact(member(f.measure)));
  const ranged = windows.filter((f) => !running.includes(f));
  const values = new Map<string, string>();
  const tables: string[] = [];
  const joins: string[] = [];
  const join = (name: string) => joins.push(`LEFT JOIN ${name} ON ${name}.n = s.n`);
  const at = (name: string) => layout.at.get(name) ?? -1;
  const measures = [...new Set(windows.map((f) => f.measure).filter((m) => member(m).additivity !== 'count_distinct'))];
  const dimensions = [
    ...new Set([
      ...lasts.map((f) => f.dimension),
      ...ranged.flatMap((f) => (member(f.measure).additivity === 'count_distinct' ? countedBy(member(f.measure)) : [])),
    ]),
  ];
  const columns = [...new Set([...measures, ...dimensions].map(at))];
  const ties = layout.ties.map((i) => `x.c${i}`);
  const newestFirst = [`x.c${layout.eventTime}`, ...(known ? [`x.c${layout.availableAt}`] : []), ...ties];
  const [tie] = layout.ties;
  const tieType = tie === undefined ? undefined : member(nameAt(layout, tie)).type.kind;
  const tied =
    !known && lasts.length > 0 && ties.length === 1 && (tieType === 'bigint' || tieType === 'integer')
      ? words.tied
      : undefined;

  // the events of the keys at hand; r counts them from the oldest
  const keyed = words.key(`x.c${layout.key}`, member(nameAt(layout, layout.key)).type);
  const e = words.micros(`x.c${layout.eventTime}`);
  const rank =
    known && lasts.length > 0
      ? `, row_number() OVER (PARTITION BY x.c${layout.key} ORDER BY ${newestFirst.map((c) => `${c} NULLS FIRST`).join(', ')}) AS r`
      : '';
  const own =
    !known && lasts.length > 0 && !tied
      ? `, row_number() OVER (PARTITION BY x.c${layout.key}, x.c${layout.eventTime} ORDER BY ${[...ties, '1'].map((c) => `${c} DESC`).join(', ')}) AS z`
      : '';
  const q = tied ? `, ${tied.event(e, `x.c${tie}`)} AS q` : '';
  const a = known ? `, ${words.micros(`x.c${layout.availableAt}`)} AS a` : '';
  tables.push(
    `f${v} AS MATERIALIZED (SELECT ${keyed} AS k, ${e} AS e${a}${columns.map((c) => `, x.c${c} AS v${c}`).join('')}${rank}${own}${q} FROM (${input.leg}) x WHERE ${keyed} IN (SELECT k${entity} FROM spine) AND x.c${layout.eventTime} IS NOT NULL)`,
  );

  // what tells a hit from a miss: the newest event before the row's time
  const seen = `h${v}`;
  const fresh = (name: string) => (view.ttl === undefined ? `${name}.e IS NOT NULL` : `${name}.e >= s.t - ${view.ttl}`);
  const hit = fresh(seen);
  if (windows.length > 0) {
    if (known)
      tables.push(
        `${seen} AS (SELECT s.n, max(f.e) AS e FROM spine s JOIN f${v} f ON f.k = s.k${entity} AND f.e < s.t AND f.a < s.t GROUP BY s.n)`,
      );
    else {
      const summed = [...new Set(running.map((f) => at(f.measure)))];
      const sums = summed.flatMap((c) => [`sum(sum(f.v${c})) OVER w AS s${c}`, `sum(count(f.v${c})) OVER w AS n${c}`]);
      tables.push(
        `p${v} AS MATERIALIZED (SELECT f.k, f.e${sums.map((x) => `, ${x}`).join('')} FROM f${v} f GROUP BY f.k, f.e${sums.length > 0 ? ' WINDOW w AS (PARTITION BY f.k ORDER BY f.e ROWS UNBOUNDED PRECEDING)' : ''})`,
      );
      const names = ['e', ...summed.flatMap((c) => [`s${c}`, `n${c}`])];
      const look = { relation: `p${v}`, q: 'e', entity, strict: true };
      tables.push(`${seen} AS (${lookUp({ ...look, moment: 's.t', columns: names })})`);
      const lengths = [...new Set(running.map((f) => f.window))];
      lengths.forEach((length, i) => {
        const before = `b${v}_${i}`;
        const of = running.filter((f) => f.window === length);
        const needed = [...new Set(of.map((f) => at(f.measure)))].flatMap((c) => [`s${c}`, `n${c}`]);
        tables.push(`${before} AS (${lookUp({ ...look, moment: `s.t - ${length}`, columns: needed })})`);
        join(before);
        for (const f of of) {
          const c = at(f.measure);
          const count = `${seen}.n${c} - coalesce(${before}.n${c}, 0)`;
          const value = isCount(member(f.measure))
            ? `coalesce(${count}, 0)`
            : `CASE WHEN ${count} > 0 THEN ${seen}.s${c} - coalesce(${before}.s${c}, 0) END`;
          values.set(f.path, `CASE WHEN ${hit} THEN ${value} END`);
        }
      });
    }
    joins.unshift(`LEFT JOIN ${seen} ON ${seen}.n = s.n`);
  }

  // what has to be counted anew for each row's window
  [...new Set(ranged.map((f) => f.window))].forEach((length, i) => {
    const of = ranged.filter((f) => f.window === length);
    const name = `w${v}_${i}`;
    const aggregates = of.map((f, j) => `${aggregate(f, input, at)} AS y${j}`);
    tables.push(
      `${name} AS (SELECT s.n, ${aggregates.join(', ')} FROM spine s JOIN f${v} f ON f.k = s.k${entity} AND f.e < s.t AND f.e >= s.t - ${length}${known ? ' AND f.a < s.t' : ''} GROUP BY s.n)`,
    );
    join(name);
    of.forEach((f, j) => {
      const value = isCount(member(f.measure)) ? `coalesce(${name}.y${j}, 0)` : `${name}.y${j}`;
      values.set(f.path, `CASE WHEN ${hit} THEN ${value} END`);
    });
  });

  if (lasts.length > 0) {
    const name = `l${v}`;
    const out = ['e', ...new Set(lasts.map((f) => `v${at(f.dimension)}`))];
    const look = { entity, strict: false, columns: out };
    if (known) {
      // at the moment an event is known, the newest of all that are known then
      const known = `SELECT f.k, greatest(f.e, f.a + 1) AS q, max(f.r) OVER (PARTITION BY f.k ORDER BY greatest(f.e, f.a + 1), f.r ROWS UNBOUNDED PRECEDING) AS r FROM f${v} f WHERE f.a IS NOT NULL`;
      tables.push(`g${v} AS MATERIALIZED (SELECT g.k, g.q, max(g.r) AS r FROM (${known}) g GROUP BY g.k, g.q)`);
      tables.push(`j${v} AS (${lookUp({ ...look, relation: `g${v}`, q: 'q', moment: 's.t', columns: ['k', 'r'] })})`);
      tables.push(
        `${name} AS (SELECT j.n${out.map((c) => `, f.${c}`).join('')} FROM j${v} j JOIN f${v} f ON f.k = j.k AND f.r = j.r)`,
      );
    } else if (tied)
      tables.push(`${name} AS (${lookUp({ ...look, relation: `f${v}`, q: 'q', moment: tied.moment('s.t') })})`);
    else {
      tables.push(`g${v} AS MATERIALIZED (SELECT * FROM f${v} WHERE z = 1)`);
      tables.push(`${name} AS (${lookUp({ ...look, relation: `g${v}`, q: 'e', moment: 's.t' })})`);
    }
    join(name);
    for (const f of lasts) values.set(f.path, `CASE WHEN ${fresh(name)} THEN ${name}.v${at(f.dimension)} END`);
  }
  const how = chosen.features.map((f) =>
    f.kind === 'last'
      ? `${f.path}: the newest event by time`
      : running.includes(f as Window)
        ? `${f.path}: difference of two running sums`
        : `${f.path}: the events of each row's window`,
  );
  return { tables, joins, values, how };
};

const nameAt = (layout: EventLayout, column: number): string => [...layout.at].find(([, i]) => i === column)?.[0] ?? '';

const aggregate = (feature: Window, { catalogue, legs, words }: ViewInput, at: (name: string) => number): string => {
  const member = catalogue.members.get(feature.measure) as Member;
  const column = `f.v${at(feature.measure)}`;
  if (member.additivity === 'min') return `min(${column})`;
  if (member.additivity === 'max') return `max(${column})`;
  if (member.additivity === 'sum') return `sum(${column})`;
  const columns = new Map(countedBy(member).map((name) => [name, `f.v${at(name)}`]));
  // checked when the model was loaded
  return legs.measureOver(feature.measure, columns, words.dialect) ?? 'NULL';
};
