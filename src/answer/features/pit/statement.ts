import { type Catalogue, type Entity, type EventLayout, eventsOf } from '../../../model/catalog/index.js';
import type { LegCompiler } from '../../../model/cube/index.js';
import { type Column, type Dialect, type LegFilter, type LegQuery, placedSql } from '../../../query/index.js';
import type { Parameter } from '../../../store/engine/index.js';
import { type GuardedLeg, guardLeg, instantText, type PlanModel } from '../../plan/index.js';
import { type Chosen, type ChosenView, namedBy, shownKey } from '../choose.js';
import { type Spine, spanOf } from '../spine.js';
import { viewParts } from './view-parts.js';
import { WORDS } from './words.js';

/** The statement of a point-in-time join. Tables stand in it as tokens, as in every leg. */
export interface PitStatement {
  readonly sql: string;
  readonly parameters: readonly Parameter[];
  readonly columns: readonly Column[];
  readonly tables: readonly string[];
  readonly policies: readonly string[];
  /** For each entity whether its key comes back as a column of the answer, before the features. */
  readonly shown: readonly boolean[];
  /** How each feature is computed. */
  readonly how: readonly string[];
  /** Whether row rules keep rows from this caller. */
  readonly restricted: boolean;
}

/** Conditions on the event's time that no row of the spine can do without: they let files and partitions be passed over. */
const boundsOf = (
  { view, features }: ChosenView,
  span: ReturnType<typeof spanOf>,
  catalogue: Catalogue,
): LegFilter[] => {
  if (!span || catalogue.members.get(view.eventTime)?.type.kind !== 'timestamp') return [];
  const bounds: LegFilter[] = [{ member: view.eventTime, op: 'lte', values: [instantText(span.to)] }];
  const longest = features.reduce(
    (most, f) => (f.kind === 'window' && f.window > most ? f.window : most),
    view.ttl ?? 0n,
  );
  if (view.ttl !== undefined)
    bounds.push({ member: view.eventTime, op: 'gte', values: [instantText(span.from - longest)] });
  return bounds;
};

const keyLeg = (entity: Entity, shown: string): LegQuery => ({
  measures: [],
  dimensions: [entity.key, shown],
  time: [],
  segments: [],
  where: [{ member: entity.key, op: 'isNotNull' }],
  having: [],
  order: [],
  timezone: 'UTC',
});

/** Whose rows are read, and what they see of a key. */
export interface Reader {
  readonly catalogue: Catalogue;
  readonly legs: LegCompiler;
  /** A leg under the row rules of whoever reads. */
  guard(leg: LegQuery, named: readonly string[], dialect: Dialect): GuardedLeg;
  /** The member that stands for a masked key. */
  stand(key: string): string | undefined;
}

/** A caller, under all policies. */
export const callerReader = (model: PlanModel): Reader => ({
  catalogue: model.catalogue,
  legs: model.legs,
  guard: (leg, named, dialect) => guardLeg(leg, named, model, dialect),
  stand: (key) => shownKey(model.catalogue, model.access, key),
});

/** The process itself, when it makes what is served under policies later. */
export const wholeReader = ({ catalogue, legs }: Pick<PlanModel, 'catalogue' | 'legs'>): Reader => ({
  catalogue,
  legs,
  guard: (leg, _named, dialect) => ({ compiled: legs.compile(leg, dialect), rules: [], policies: [] }),
  stand: () => undefined,
});

/** Rows that are given, or one for every entity with an event before an instant. */
export type SpineSource = Spine | { readonly at: bigint };

/** Every key with an event that still counts at `at`, over all views; the keys come in the order of their code points. */
const everyKey = (at: string, views: readonly string[]): string =>
  `(SELECT row_number() OVER (ORDER BY a.k0) - 1 AS n, CAST(${at} AS BIGINT) AS t, a.k0 FROM (${views.join(' UNION ')}) a)`;

/** Writes the statement for a spine. Errors: those of `guardLeg`. */
export const pitStatement = (chosen: Chosen, spine: SpineSource, reader: Reader, dialect: Dialect): PitStatement => {
  const words = WORDS[dialect];
  const { catalogue } = reader;
  const span = 'at' in spine ? { from: spine.at, to: spine.at } : spanOf(spine);
  const parameters: Parameter[] = [];
  const tables = new Set<string>();
  const policies = new Set<string>();
  let restricted = false;
  const place = (value: Parameter): string => `$${parameters.push(value)}`;
  /** A leg under the caller's row rules, in place. */
  const leg = (query: LegQuery, named: readonly string[]): string => {
    const guarded = reader.guard(query, named, dialect);
    for (const table of guarded.compiled.tables) tables.add(table);
    for (const policy of guarded.policies) policies.add(policy);
    if (guarded.rules.length > 0) restricted = true;
    const text = placedSql(guarded.compiled.pieces, parameters.length);
    parameters.push(...guarded.compiled.parameters);
    return text;
  };

  /** A view's events that can count. */
  const events = (of: ChosenView, layout: EventLayout): string =>
    leg({ ...layout.leg, where: boundsOf(of, span, catalogue) }, namedBy(catalogue, of));
  const rows = (): string => {
    if (!('at' in spine))
      return words.given([
        place(`[${spine.times.join(',')}]`),
        ...spine.keys.map((keys) => place(JSON.stringify(keys))),
      ]);
    const keys = chosen.views.map((of) => {
      const layout = eventsOf(of.view, of.features, catalogue);
      return `SELECT DISTINCT x.c${layout.key} AS k0 FROM (${events(of, layout)}) x WHERE x.c${layout.key} IS NOT NULL`;
    });
    return everyKey(place(spine.at.toString()), keys);
  };
  const ctes: string[] = [`given AS MATERIALIZED (SELECT * FROM ${rows()} AS g)`];
  const columns: string[] = [];
  const maps: string[] = [];
  const shown = chosen.entities.map((entity, i) => {
    const type = catalogue.members.get(entity.key)?.type ?? { kind: 'string' as const };
    const stand = reader.stand(entity.key);
    if (stand === undefined) {
      columns.push(`${words.key(`g.k${i}`, type)} AS k${i}`);
      return false;
    }
    // a caller who sees the pseudonym may name an entity by it, or by the key
    ctes.push(
      `d${i} AS MATERIALIZED (${leg(keyLeg(entity, stand), [entity.key])})`,
      `u${i} AS (SELECT m.given, min(m.own) AS own, min(m.shown) AS shown FROM (SELECT CAST(d.c0 AS VARCHAR) AS given, d.c0 AS own, d.c1 AS shown FROM d${i} d UNION SELECT CAST(d.c1 AS VARCHAR), d.c0, d.c1 FROM d${i} d) m GROUP BY m.given HAVING count(*) = 1)`,
    );
    maps.push(`LEFT JOIN u${i} ON u${i}.given = g.k${i}`);
    columns.push(`${words.key(`u${i}.own`, type)} AS k${i}`, `u${i}.shown AS o${i}`);
    return true;
  });
  ctes.push(`spine AS MATERIALIZED (SELECT g.n, g.t, ${columns.join(', ')} FROM given g ${maps.join(' ')})`);

  const joins: string[] = [];
  const values = new Map<string, string>();
  const how: string[] = [];
  chosen.views.forEach((of, v) => {
    const layout = eventsOf(of.view, of.features, catalogue);
    const parts = viewParts({
      chosen: of,
      layout,
      view: v,
      entity: chosen.entities.findIndex((e) => e.name === of.view.entity),
      leg: events(of, layout),
      catalogue,
      legs: reader.legs,
      words,
    });
    ctes.push(...parts.tables);
    joins.push(...parts.joins);
    how.push(...parts.how);
    for (const [path, value] of parts.values) values.set(path, value);
  });

  const keys = chosen.entities.flatMap((entity, i): Column[] => {
    if ('at' in spine)
      return [
        { name: `k${i}`, type: catalogue.members.get(entity.key)?.type ?? { kind: 'string' }, role: 'dimension' },
      ];
    const stand = reader.stand(entity.key);
    const type = stand === undefined ? undefined : catalogue.members.get(stand)?.type;
    return type ? [{ name: `o${i}`, type, role: 'dimension' }] : [];
  });
  const selected = [
    ...keys.map((c) => `s.${c.name}`),
    ...chosen.features.map((f, i) => `${values.get(f.path) ?? 'NULL'} AS y${i}`),
  ];
  return {
    sql: `WITH ${ctes.join(', ')} SELECT ${selected.join(', ')} FROM spine s ${joins.join(' ')} ORDER BY s.n`,
    parameters,
    columns: [...keys, ...chosen.columns],
    tables: [...tables],
    policies: [...policies].sort(),
    shown,
    how,
    restricted,
  };
};
