/** The messages of `contract.ts` as TypeScript sees them. What is absent was not sent. */

export interface StructField {
  readonly name?: string;
  readonly data_type?: DataTypeMessage;
  readonly nullable?: boolean;
}
type Interval = { readonly start_field?: number; readonly end_field?: number };
/** Just one key is present. */
export interface DataTypeMessage {
  readonly decimal?: { readonly scale?: number; readonly precision?: number };
  readonly string?: { readonly collation?: string };
  readonly char?: { readonly length?: number };
  readonly var_char?: { readonly length?: number };
  readonly year_month_interval?: Interval;
  readonly day_time_interval?: Interval;
  readonly array?: { readonly element_type?: DataTypeMessage };
  readonly map?: { readonly key_type?: DataTypeMessage; readonly value_type?: DataTypeMessage };
  readonly struct?: { readonly fields?: readonly StructField[] };
}

/** An expression of SQL. */
export interface Expression {
  readonly expression_string: { readonly expression: string };
}

export interface Relation {
  readonly sql?: { readonly query: string };
  readonly read?: {
    readonly data_source: {
      readonly format: string;
      readonly schema: string;
      readonly options: Readonly<Record<string, string>>;
      readonly paths: readonly string[];
    };
  };
  readonly project?: {
    readonly input: Relation;
    readonly expressions: readonly Expression[];
  };
  readonly join?: {
    readonly left: Relation;
    readonly right: Relation;
    readonly join_condition: Expression;
    readonly join_type: number;
  };
  readonly set_op?: {
    readonly left_input: Relation;
    readonly right_input: Relation;
    readonly set_op_type: number;
    readonly is_all: boolean;
  };
}

export interface Command {
  readonly sql_command?: { readonly sql: string; readonly input?: Relation };
  readonly create_dataframe_view?: {
    readonly input: Relation;
    readonly name: string;
    readonly is_global: boolean;
    readonly replace: boolean;
  };
  readonly write_operation?: {
    readonly input: Relation;
    readonly source: string;
    readonly path: string;
    readonly mode: number;
    readonly partitioning_columns: readonly string[];
    readonly options: Readonly<Record<string, string>>;
  };
}
export interface Plan {
  readonly root?: Relation;
  readonly command?: Command;
}

export interface ExecuteResponse {
  readonly arrow_batch?: { readonly row_count?: number; readonly data?: Buffer };
  readonly schema?: DataTypeMessage;
  readonly response_id?: string;
  readonly result_complete?: object;
  readonly server_side_session_id?: string;
  readonly execution_progress?: {
    readonly stages?: readonly {
      readonly num_tasks?: number;
      readonly num_completed_tasks?: number;
      readonly input_bytes_read?: number;
    }[];
    readonly num_inflight_tasks?: number;
  };
}

/** Calls with one answer: what is sent (without the session's own fields) and what comes back. */
export interface Calls {
  AnalyzePlan: {
    request: { readonly schema?: { readonly plan: Plan }; readonly spark_version?: object };
    response: {
      readonly schema?: { readonly schema?: DataTypeMessage };
      readonly spark_version?: { readonly version?: string };
    };
  };
  Config: {
    request: { readonly operation: { readonly set: { readonly pairs: readonly { key: string; value: string }[] } } };
    response: object;
  };
  Interrupt: {
    request: { readonly interrupt_type: number; readonly operation_tag?: string; readonly operation_id?: string };
    response: { readonly interrupted_ids?: readonly string[] };
  };
  ReleaseExecute: {
    request: {
      readonly operation_id: string;
      readonly release_all?: object;
      readonly release_until?: { readonly response_id: string };
    };
    response: object;
  };
  ReleaseSession: { request: object; response: object };
}

export type Streams = {
  ExecutePlan: {
    readonly plan: Plan;
    readonly operation_id: string;
    readonly tags: readonly string[];
    readonly request_options: readonly { readonly reattach_options: { readonly reattachable: boolean } }[];
  };
  ReattachExecute: { readonly operation_id: string; readonly last_response_id?: string };
};
