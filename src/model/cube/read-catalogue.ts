import { createHash } from 'node:crypto';
import { type DataType, parseType, typeText } from '../../query/index.js';
import type {
  Additivity,
  Calendar,
  Catalogue,
  Join,
  JoinKind,
  Member,
  Owner,
  RollupDefinition,
} from '../catalog/index.js';
import { checkMeasures } from './check-measures.js';
import type { Faults } from './faults.js';
import { invalid, type ParsedFile, type Places, versionOf } from './model-files.js';
import type { Compilers, EvaluatedCube, MetaMember, MetaOwner, SqlFunction } from './parts.js';
import { granularitiesOf, readCalendars } from './read-calendars.js';
import { composedOf, pathOf } from './read-composed.js';
import { readPolicies } from './read-policies.js';
import { readRefresh } from './read-refresh.js';

const CLOCK = ['second', 'minute', 'hour'];
const CALENDAR = ['day', 'week', 'month', 'quarter', 'year'];

/** A member's own keys, as `meta` gives them. */
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
const texts = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : []);

/** The text of a plain SQL function without references: what a cube's `sql_table` says. */
export const plainSql = (sql: SqlFunction | undefined): string | undefined => {
  if (!sql || sql.length > 0) return undefined;
  const written = (sql as () => unknown)();
  return typeof written === 'string' ? written.trim() : undefined;
};

const ADDITIVITY: Record<string, Additivity> = {
  sum: 'sum',
  count: 'sum',
  min: 'min',
  max: 'max',
  countDistinct: 'count_distinct',
  count_distinct: 'count_distinct',
};

/** Cube's own name of a measure's type, in the spelling of YAML. */
const snake = (name: string) => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);

class Reader {
  readonly members = new Map<string, Member>();
  readonly owners = new Map<string, Owner>();
  constructor(
    private readonly compilers: Compilers,
    private readonly places: Places,
    private readonly faults: Faults,
    private readonly calendars: ReadonlyMap<string, Calendar>,
  ) {}

  private refuse(name: string, what: string) {
    const place = this.places.of(name);
    return invalid(place.file, place.line, `${name}: ${what}`);
  }

  private type(
    name: string,
    kind: Member['kind'],
    cubeType: string,
    meta: Readonly<Record<string, unknown>>,
  ): DataType {
    const declared = meta['type'];
    if (declared !== undefined) {
      const type = typeof declared === 'string' ? parseType(declared) : undefined;
      if (!type)
        throw this.refuse(
          name,
          `meta.type ${JSON.stringify(declared)} is no type; one of string, boolean, integer, bigint, decimal(p,s), double, date, timestamp is wanted`,
        );
      return type;
    }
    if (kind === 'segment' || cubeType === 'boolean') return { kind: 'boolean' };
    if (cubeType === 'string') return { kind: 'string' };
    if (cubeType === 'time') return { kind: 'timestamp' };
    if (cubeType === 'count' || cubeType === 'count_distinct') return { kind: 'bigint' };
    throw this.refuse(name, `${cubeType} needs its exact type: add meta.type, such as "decimal(18,2)" or bigint`);
  }

  private ratio(name: string, owner: string, meta: Readonly<Record<string, unknown>>): Member['ratio'] {
    const ratio = meta['ratio'];
    if (ratio === undefined) return undefined;
    const { numerator, denominator } = ratio as Record<string, unknown>;
    if (typeof numerator !== 'string' || typeof denominator !== 'string')
      throw this.refuse(name, 'meta.ratio wants {numerator, denominator}, each the name of a measure');
    return { numerator: this.sibling(name, owner, numerator), denominator: this.sibling(name, owner, denominator) };
  }

  /** A measure of the same cube; in a view, the member that includes it. */
  private sibling(name: string, owner: string, wanted: string): string {
    const evaluated = this.compilers.cubeEvaluator.cubeFromPath(owner);
    if (!evaluated.isView) return wanted.includes('.') ? wanted : `${owner}.${wanted}`;
    const alias = this.compilers.cubeEvaluator.byPathAnyType(name).aliasMember ?? name;
    const path = wanted.includes('.') ? wanted : `${alias.split('.')[0]}.${wanted}`;
    const included = evaluated.includedMembers?.find((m) => m.memberPath === path);
    if (!included) throw this.refuse(name, `its part ${path} is not in the view; include it`);
    return `${owner}.${included.name}`;
  }

  /** A dimension that a measure is reckoned by: in a view, the member that includes it, else that of the cube. */
  private reached(name: string, owner: string, wanted: string): string {
    const evaluated = this.compilers.cubeEvaluator.cubeFromPath(owner);
    const cube = (this.compilers.cubeEvaluator.byPathAnyType(name).aliasMember ?? name).split('.')[0] ?? '';
    const path = wanted.includes('.') ? wanted : `${cube}.${wanted}`;
    const included = evaluated.isView ? evaluated.includedMembers?.find((m) => m.memberPath === path) : undefined;
    return included ? `${owner}.${included.name}` : path;
  }

  /** Members of cubes that a measure's SQL and filters name: `{is_return}`, `{customers.customer_id}`. */
  private reads(name: string, owner: string): readonly string[] {
    const symbol = this.compilers.cubeEvaluator.byPathAnyType(name);
    const written = [symbol.sql, ...(symbol.filters ?? []).map((f) => f.sql)].map(String).join(' ');
    const names = [...written.matchAll(/\$\{\s*([A-Za-z_][\w.]*)\s*\}/g)].map(([, path = '']) =>
      path.includes('.') ? path.replace(/^CUBE\./, `${owner}.`) : `${owner}.${path}`,
    );
    const { cubeEvaluator: all } = this.compilers;
    return [...new Set(names)].filter((path) => all.isMeasure(path) || all.isDimension(path));
  }

  private member(owner: MetaOwner, m: MetaMember, kind: Member['kind']): Member {
    const meta = m.meta ?? {};
    const symbol = this.compilers.cubeEvaluator.byPathAnyType(m.name);
    const other = m.aliasMember ?? symbol.aliasMember;
    const aliasOf = owner.type === 'view' ? other : undefined;
    // in a cube, Cube marks so a member whose SQL is `{countries.country_name}` and nothing more
    const sameAs = owner.type === 'cube' && kind === 'dimension' ? other : undefined;
    const cubeType = kind === 'segment' ? 'segment' : snake(m.aggType ?? m.type);
    const type = this.type(m.name, kind, cubeType, meta);
    const ratio = kind === 'measure' ? this.ratio(m.name, owner.name, meta) : undefined;
    const base = aliasOf ?? m.name;
    const additivity = kind !== 'measure' ? 'none' : ratio ? 'ratio' : (ADDITIVITY[cubeType] ?? 'none');
    const composed =
      kind === 'measure'
        ? composedOf(meta, {
            type,
            additivity,
            measure: (wanted) => this.sibling(m.name, owner.name, wanted),
            member: (wanted) => this.reached(m.name, owner.name, wanted),
            cubeMember: (wanted) => (wanted.includes('.') ? wanted : `${base.split('.')[0]}.${wanted}`),
          })
        : {};
    const path = aliasOf === undefined ? undefined : pathOf(symbol.sql);
    const measured = kind === 'measure' ? this.compilers.cubeEvaluator.byPathAnyType(base) : undefined;
    // a count with SQL of its own counts where that is not null: not every row either
    const filtered =
      measured !== undefined &&
      ((measured.filters ?? []).length > 0 || (cubeType === 'count' && measured.sql !== undefined));
    const pseudonym = text(meta['pseudonym']);
    const pii = meta['pii'];
    const isTime = kind === 'dimension' && m.type === 'time';
    const own = (m.granularities ?? []).map((g) => g.name);
    // a view's entry may replace the meta that it inherits; calendars are those of the cube's dimension
    const { calendars } = this.compilers.cubeEvaluator.byPathAnyType(base).meta ?? {};
    const granularities = [
      ...(isTime ? [...(type.kind === 'date' ? [] : CLOCK), ...CALENDAR, ...own] : []),
      ...granularitiesOf(calendars, isTime, own, this.calendars, (what) => this.refuse(m.name, what)),
    ];
    return Object.freeze({
      name: m.name,
      owner: owner.name,
      kind,
      aliasOf,
      title: m.shortTitle,
      description: m.description ?? '',
      type,
      cubeType,
      unit: text(meta['unit']),
      format: text(m.format),
      synonyms: texts(meta['synonyms']),
      pii: pii === 'pseudonymous' || pii === 'direct' ? pii : 'none',
      additivity,
      ratio,
      ...composed,
      ...(path !== undefined && { path }),
      ...(aliasOf !== undefined && kind === 'dimension' && Array.isArray(meta['conforms'])
        ? { conforms: texts(meta['conforms']) }
        : {}),
      ...(sameAs !== undefined && { sameAs }),
      ...(filtered && { filtered }),
      ...(kind === 'measure' && aliasOf === undefined && { reads: this.reads(m.name, owner.name) }),
      granularities: [...new Set(granularities)],
      primaryKey: m.primaryKey === true,
      searchable: meta['searchable'] === true,
      ...(meta['certified'] === true && { certified: true }),
      drillMembers: m.drillMembers ?? [],
      public: m.public !== false,
      pseudonym: pseudonym && (pseudonym.includes('.') ? pseudonym : `${base.split('.')[0]}.${pseudonym}`),
      place: this.places.of(this.places.has(m.name) ? m.name : base),
    });
  }

  owner(config: MetaOwner): void {
    const read = (all: readonly MetaMember[], kind: Member['kind']) =>
      all.flatMap((m) => this.faults.attempt(() => this.member(config, m, kind)) ?? []);
    const members = [
      ...read(config.measures, 'measure'),
      ...read(config.dimensions, 'dimension'),
      ...read(config.segments, 'segment'),
    ];
    for (const member of members) this.members.set(member.name, member);
    const evaluated = this.compilers.cubeEvaluator.cubeFromPath(config.name);
    this.owners.set(
      config.name,
      Object.freeze({
        name: config.name,
        kind: config.type,
        title: config.title,
        description: config.description ?? '',
        public: config.public !== false,
        members: members.map((m) => m.name),
        root: rootOf(evaluated),
        meta: config.meta ?? {},
        place: this.places.of(config.name),
        ...(this.places.has(`${config.name}<`) && { source: this.places.of(`${config.name}<`) }),
      }),
    );
  }

  /** A stand-in for a masked member is compiled, but not listed. */
  hideStandIns(): void {
    const standIns = new Set([...this.members.values()].flatMap((m) => m.pseudonym ?? []));
    for (const member of this.members.values()) {
      if (member.pseudonym !== undefined && this.members.get(member.pseudonym)?.kind !== 'dimension')
        throw this.refuse(member.name, `meta.pseudonym names ${member.pseudonym}, which is no dimension`);
      if (standIns.has(member.aliasOf ?? member.name) && member.public)
        this.members.set(member.name, Object.freeze({ ...member, public: false }));
    }
  }
}

/** A view's first join path begins at its root cube. */
const rootOf = (cube: EvaluatedCube): string => {
  if (!cube.isView) return cube.name;
  const first = cube.joinMap?.[0]?.[0] ?? cube.includedMembers?.[0]?.memberPath;
  return first?.split('.')[0] ?? cube.name;
};

const readRollups = (
  compilers: Compilers,
  places: Places,
  members: ReadonlyMap<string, Member>,
  faults: Faults,
): RollupDefinition[] =>
  compilers.cubeEvaluator.preAggregations({}).map((rollup): RollupDefinition => {
    const { references, preAggregation } = rollup;
    const time = references.timeDimensions[0];
    const definition = {
      id: rollup.id,
      cube: rollup.cube,
      measures: [...references.measures].sort(),
      dimensions: [...references.dimensions].sort(),
      timeDimension: time?.dimension,
      granularity: time?.granularity ?? preAggregation.granularity,
      partitionGranularity: preAggregation.partitionGranularity,
      timezone: 'UTC' as const,
    };
    // what a member is made of decides the contents as well: its SQL, filters and type, and the joins of its cube
    const made = [...definition.measures, ...definition.dimensions, ...(time ? [time.dimension] : [])].map((name) => {
      const symbol = compilers.cubeEvaluator.byPathAnyType(name);
      const type = members.get(name)?.type;
      return [name, String(symbol.sql), (symbol.filters ?? []).map((f) => String(f.sql)), type && typeText(type)];
    });
    const joins = Object.entries(compilers.joinGraph.edges).map(([key, edge]) => [key, String(edge.join.sql)]);
    const hash = createHash('sha256')
      .update(JSON.stringify([definition, made, joins]))
      .digest('hex');
    const place = places.of(rollup.id);
    const refresh = readRefresh(rollup, plainSql);
    if (typeof refresh === 'string') faults.report(invalid(place.file, place.line, `${rollup.id}: ${refresh}`));
    return Object.freeze({ ...definition, hash, place, ...(typeof refresh === 'object' && { refresh }) });
  });

/** What Cube compiled, as the immutable catalogue. Faults of members are kept in `faults`. Errors: `model-invalid`. */
export const readCatalogue = (
  compilers: Compilers,
  files: readonly ParsedFile[],
  places: Places,
  faults: Faults,
): Catalogue => {
  const owners = compilers.metaTransformer.cubes.map(({ config }) => config);
  const calendars = readCalendars(owners, places, faults);
  faults.throwIfAny();
  const reader = new Reader(compilers, places, faults, calendars);
  for (const owner of owners) reader.owner(owner);
  faults.throwIfAny(); // what follows looks from member to member
  faults.attempt(() => reader.hideStandIns());
  faults.throwIfAny();
  const joins = Object.values(compilers.joinGraph.edges).map(
    (edge): Join => ({
      from: edge.from,
      to: edge.to,
      kind: edge.join.relationship as JoinKind,
      place: places.of(`${edge.from}>${edge.to}`),
    }),
  );
  faults.attempt(() => checkMeasures(reader.members, reader.owners, joins));
  faults.throwIfAny();
  const tables = new Map<string, string>();
  for (const name of reader.owners.keys()) {
    const table = plainSql(compilers.cubeEvaluator.cubeFromPath(name).sqlTable);
    if (table !== undefined) tables.set(name, table);
  }
  const rollups = readRollups(compilers, places, reader.members, faults);
  faults.throwIfAny();
  return Object.freeze({
    version: versionOf(files),
    owners: reader.owners,
    members: reader.members,
    joins,
    rollups,
    policies: readPolicies(compilers, reader.owners, reader.members, places),
    tables,
    calendars,
  });
};
