/**
 * The parts of Cube 1.7.43 that we touch, and nothing else, as types of our own: its declarations are loose, and this list is what a
 * newer version has to keep. `model/cube/contract.test.ts` holds it to the package.
 */

export type SqlFunction = (...args: never[]) => unknown;

export interface CubeSymbol {
  readonly type?: string;
  readonly aggType?: string;
  readonly aliasMember?: string;
  readonly sql?: SqlFunction;
  readonly filters?: readonly { readonly sql: SqlFunction }[];
  readonly mask?: unknown;
  readonly meta?: Readonly<Record<string, unknown>>;
  readonly rollingWindow?: unknown;
  readonly multiStage?: unknown;
}

export interface CubePolicyFilter {
  readonly memberReference?: string;
  readonly operator?: string;
  readonly values?: SqlFunction;
  readonly and?: readonly CubePolicyFilter[];
  readonly or?: readonly CubePolicyFilter[];
}

interface CubeMemberList {
  readonly includesMembers?: readonly string[];
  readonly excludesMembers?: readonly string[];
}

export interface CubePolicy {
  readonly group?: string | readonly string[];
  readonly groups?: string | readonly string[];
  readonly conditions?: readonly { readonly if: SqlFunction }[];
  readonly memberLevel?: CubeMemberList;
  readonly memberMasking?: CubeMemberList;
  readonly rowLevel?: { readonly allowAll?: boolean; readonly filters?: readonly CubePolicyFilter[] };
}

export interface EvaluatedCube {
  readonly name: string;
  readonly isView?: boolean;
  readonly fileName: string;
  readonly sql?: SqlFunction;
  readonly sqlTable?: SqlFunction;
  readonly accessPolicy?: readonly CubePolicy[];
  readonly includedMembers?: readonly { readonly type: string; readonly memberPath: string; readonly name: string }[];
  readonly joinMap?: readonly (readonly string[])[];
}

export interface CubeRollup {
  readonly id: string;
  readonly cube: string;
  readonly preAggregationName: string;
  readonly preAggregation: Readonly<Record<string, unknown>> & {
    readonly type: string;
    readonly granularity?: string;
    readonly partitionGranularity?: string;
    readonly refreshKey?: { readonly every?: unknown; readonly sql?: SqlFunction };
  };
  readonly references: {
    readonly measures: readonly string[];
    readonly dimensions: readonly string[];
    readonly timeDimensions: readonly { readonly dimension: string; readonly granularity?: string }[];
  };
}

export interface CubeEvaluator {
  readonly primaryKeys: Readonly<Record<string, readonly string[] | undefined>>;
  cubeNames(): readonly string[];
  cubeFromPath(path: string): EvaluatedCube;
  byPathAnyType(path: string): CubeSymbol;
  isMeasure(path: string): boolean;
  isDimension(path: string): boolean;
  isSegment(path: string): boolean;
  evaluateContextFunction(cube: EvaluatedCube, fn: SqlFunction, context: object): unknown;
  preAggregations(options: object): readonly CubeRollup[];
  /** What a custom granularity is; `path` is cube, dimension, `granularities`, name. */
  resolveGranularity(path: string | readonly string[], ...rest: unknown[]): { readonly interval: string } | undefined;
}

export interface MetaMember {
  readonly name: string;
  readonly title: string;
  readonly shortTitle: string;
  readonly description?: string;
  readonly type: string;
  readonly aggType?: string;
  readonly format?: unknown;
  readonly meta?: Readonly<Record<string, unknown>>;
  readonly public?: boolean;
  readonly aliasMember?: string;
  readonly primaryKey?: boolean;
  readonly drillMembers?: readonly string[];
  readonly granularities?: readonly { readonly name: string }[];
}

export interface MetaOwner {
  readonly name: string;
  readonly type: 'cube' | 'view';
  readonly title: string;
  readonly description?: string;
  readonly meta?: Readonly<Record<string, unknown>>;
  readonly public?: boolean;
  readonly measures: readonly MetaMember[];
  readonly dimensions: readonly MetaMember[];
  readonly segments: readonly MetaMember[];
}

export interface JoinEdge {
  readonly from: string;
  readonly to: string;
  readonly join: { readonly relationship: string; readonly sql: SqlFunction };
}

export interface Compilers {
  readonly compiler: { withQuery<T>(query: unknown, work: () => T): T };
  readonly cubeEvaluator: CubeEvaluator;
  readonly joinGraph: { readonly edges: Readonly<Record<string, JoinEdge>> };
  readonly metaTransformer: { readonly cubes: readonly { readonly config: MetaOwner }[] };
  readonly compilerCache: unknown;
}

export interface JoinTree {
  readonly root: string;
  readonly joins: readonly {
    readonly originalFrom: string;
    readonly originalTo: string;
    readonly join: { readonly relationship: string; readonly sql: SqlFunction };
  }[];
  readonly multiplicationFactor: Readonly<Record<string, boolean>>;
}

export interface ParamAllocator {
  allocateParam(value: unknown): string;
  allocateParamsForQuestionString(sql: string, values: readonly unknown[]): string;
}

/** A query object of Cube, as our dialects extend it. */
export interface CubeQuery {
  readonly options: Readonly<Record<string, unknown>>;
  readonly timezone: string;
  readonly join: JoinTree | undefined;
  readonly paramAllocator: ParamAllocator;
  readonly cubeEvaluator: CubeEvaluator;
  readonly allCubeNames: readonly string[];
  readonly dimensions: readonly { dimensionSql(): string; readonly dimension: string }[];
  buildSqlAndParams(): [string, unknown[]];
  collectAllMemberNames(): readonly string[];
  queryJoinMap(): Readonly<Record<string, readonly (readonly string[])[]>>;
  evaluateSymbolSqlWithContext<T>(work: () => T, context: object): T;
  evaluateSql(cube: string, sql: SqlFunction, ...rest: unknown[]): string;
  cubeSql(cube: string): string;
  primaryKeySql(key: string, cube: string): string;
  dimensionTimeGroupedColumn(dimension: string, granularity: unknown): string;
  dimensionSql(dimension: unknown): string;
  measureSql(measure: unknown): string;
  newMeasure(path: string): unknown;
  newParamAllocator(given: unknown): ParamAllocator;
  safeEvaluateSymbolContext(): {
    readonly renderedReference?: Readonly<Record<string, string>>;
    readonly rollupQuery?: boolean;
    readonly wrapQuery?: boolean;
  };
  newTimeDimension(options: object): unknown;
  newPreAggregations(): { rollupMatchResults?: () => unknown[]; findPreAggregationForQuery?: () => undefined };
}

export interface CubeFilter {
  readonly query: CubeQuery;
  readonly values: readonly unknown[];
  readonly measure: string | null;
  readonly dimension: string | null;
  readonly camelizeOperator: string;
  filterToWhere(): string;
  conditionSql(column: string): string;
}

export interface CubeTimeDimension {
  readonly query: CubeQuery;
  readonly dimension: string;
  readonly granularity: string | undefined;
  readonly granularityObj: { readonly granularityInterval: string; isPredefined(): boolean } | undefined;
  dimensionSql(): string;
}

export type Constructor<T> = new (...args: never[]) => T;

/** What stands behind the door once Cube is loaded. */
export interface CubePackages {
  readonly PostgresQuery: new (compilers: Compilers, options: object) => CubeQuery;
  readonly DuckDbQuery: new (compilers: Compilers, options: object) => CubeQuery;
  readonly BaseFilter: new (query: CubeQuery, filter: object) => CubeFilter;
  readonly BaseTimeDimension: new (query: CubeQuery, options: object) => CubeTimeDimension;
  readonly QueryCache: new () => object;
  /** `known` tells which names may begin a path in a cube; without it Cube finds them out, in three times the time. */
  compile(files: readonly ModelFile[], known?: (cube: string, name: string) => boolean): Promise<Compilers>;
}

export interface ModelFile {
  readonly fileName: string;
  readonly content: string;
}
