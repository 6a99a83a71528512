/** The one typed event map. Rooms take `emit` as a parameter; logs, metrics and audit subscribe. */
export interface Events {
  'process.ready': { readonly http: string; readonly sql: string; readonly milliseconds: number };
  'process.stopping': { readonly reason: string };
  'ingest.batch': {
    readonly source: string;
    readonly file: string;
    readonly read: number;
    readonly rows: number;
    readonly rejected: number;
    readonly duplicate: boolean;
  };
  'transform.step': {
    readonly model: string;
    readonly rows: number;
    readonly milliseconds: number;
    readonly engine: string;
    /** How many partitions the step made; 1 for a whole table. */
    readonly partitions?: number;
  };
  /** How far a step's statement is, where its engine tells: tasks done of those known so far, and bytes read. */
  'transform.computing': {
    readonly model: string;
    readonly engine: string;
    readonly tasks: number;
    readonly completed: number;
    readonly bytesRead: number;
  };
  /** What became of one partition (`*`: the whole table), once it is audited; nobody sees it before the run publishes. */
  'transform.settled': {
    readonly model: string;
    readonly partition: string;
    /** `unchanged`: made again, and the rows came out as they were. */
    readonly status: 'made' | 'unchanged' | 'quarantined' | 'failed';
    readonly rows: number;
    readonly engine?: string;
    readonly milliseconds?: number;
    readonly reason?: string;
  };
  /** How far a run is: tables done, of all that the run looks at. */
  'transform.progress': { readonly model: string; readonly done: number; readonly of: number };
  /** One table's new version stands in the lake; no reader follows it yet. */
  'transform.committed': { readonly model: string; readonly version: number };
  /** One table's copy is in the warehouse, inside the transaction that will publish it. */
  'transform.copied': { readonly model: string; readonly rows: number };
  'transform.published': { readonly revision: number; readonly tables: number; readonly milliseconds: number };
  /** One test of one transform on one engine has ended. */
  'transform.tested': {
    readonly model: string;
    readonly test: string;
    readonly engine: string;
    readonly status: 'pass' | 'fail' | 'skip';
    readonly milliseconds: number;
  };
  'transform.quarantined': { readonly model: string; readonly reason: string };
  /** Another model is in use; queries in flight keep the one before. */
  'model.replaced': {
    readonly before: string;
    readonly version: string;
    readonly owners: number;
    readonly members: number;
    readonly milliseconds: number;
  };
  /** Changed files hold no whole model: the one in use stays. The first fault. */
  'model.refused': {
    readonly inUse: string;
    readonly faults: number;
    readonly file: string;
    readonly line: number;
    readonly what: string;
  };
  /** The model in use names what the warehouse does not have. The first fault. */
  'model.missing': {
    readonly version: string;
    readonly faults: number;
    readonly file: string;
    readonly line: number;
    readonly what: string;
  };
  'rollup.published': {
    readonly rollup: string;
    readonly partition: string;
    readonly version: string;
    readonly rows: number;
    readonly bytes: number;
    readonly milliseconds: number;
  };
  /** How far the build of a rollup is: rows are read, partitions written, the whole proven, partitions stored. */
  'rollup.building': {
    readonly rollup: string;
    readonly step: 'read' | 'write' | 'prove' | 'store';
    readonly done: number;
    readonly of: number;
  };
  'rollup.refused': { readonly rollup: string; readonly partition: string; readonly reason: string };
  /** One published partition was compared with raw again. `unequal`: it was withdrawn; `late`: nothing is known. */
  'rollup.canary': {
    readonly rollup: string;
    readonly partition: string;
    readonly outcome: 'proven' | 'unequal' | 'damaged' | 'late';
    readonly reason?: string;
    readonly milliseconds: number;
  };
  'rollup.loaded': {
    readonly rollup: string;
    readonly partition: string;
    readonly version: string;
    readonly bytes: number;
  };
  /** A set of features has new online values; readers follow from here. */
  'features.materialized': {
    readonly service: string;
    readonly version: string;
    readonly entities: number;
    readonly bytes: number;
    readonly milliseconds: number;
  };
  'query.answered': {
    readonly surface: string;
    readonly subject: string;
    readonly roles: readonly string[];
    readonly plan: string;
    readonly source: string;
    readonly cached: boolean;
    readonly rows: number;
    readonly milliseconds: number;
    readonly members: readonly string[];
    readonly policies: readonly string[];
    readonly requestId: string;
  };
  'query.refused': {
    readonly surface: string;
    readonly subject: string;
    readonly code: string;
    readonly requestId: string;
  };
  /** A session of Spark; `reattached`: its connection broke, and a statement goes on from where it was. */
  'spark.session': { readonly server: string; readonly state: 'opened' | 'closed' | 'lost' | 'reattached' };
  'sql.session': { readonly state: 'opened' | 'closed'; readonly role: string };
  /** One HTTP request whose answer was written or cut. `route` is the pattern, never the URL. */
  'http.answered': {
    readonly method: string;
    readonly route: string;
    readonly status: number;
    readonly milliseconds: number;
  };
  /** A request that failed through no fault of the caller: the log has the whole error, the caller a code and the request id. */
  'request.failed': {
    readonly surface: string;
    readonly code: string;
    readonly requestId: string;
    readonly error: unknown;
  };
  'auth.failed': { readonly surface: string; readonly reason: string };
  bug: { readonly where: string; readonly error: unknown; readonly requestId?: string };
  notice: { readonly message: string };
}
export type EventName = keyof Events;
export type Emit = <N extends EventName>(name: N, event: Events[N]) => void;

/** For tests and tools that listen to nothing. */
export const noEmit: Emit = () => {};
