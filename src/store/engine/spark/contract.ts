import { fromJSON } from '@grpc/proto-loader';

/**
 * What we use of Spark Connect's protocol (package `spark.connect`), fields by their numbers on the wire: these never change, so
 * servers of other versions understand it. A module, not a file of its own: nothing is to be found beside the compiled code.
 */
type Field = { readonly type: string; readonly id: number; readonly rule?: 'repeated'; readonly keyType?: string };
const of = (type: string, id: number): Field => ({ type, id });
const many = (type: string, id: number): Field => ({ type, id, rule: 'repeated' });
const text = (id: number): Field => of('string', id);
const texts = (id: number): Field => many('string', id);
const map = (id: number): Field => ({ type: 'string', id, keyType: 'string' });
const message = (fields: Record<string, Field>) => ({ fields });
const nothing = message({});

const session = { session_id: text(1), user_context: of('UserContext', 2) };
const kinds = (names: Record<string, number>) =>
  Object.fromEntries(Object.entries(names).map(([name, id]) => [name, of('Nothing', id)]));

const TYPES = {
  Nothing: nothing,
  DataType: message({
    ...kinds({ null: 1, binary: 2, boolean: 3, byte: 4, short: 5, integer: 6, long: 7, float: 8, double: 9 }),
    ...kinds({ date: 14, timestamp: 15, timestamp_ntz: 16, calendar_interval: 17, udt: 23, variant: 25 }),
    decimal: of('DecimalType', 10),
    string: of('StringType', 11),
    char: of('LengthType', 12),
    var_char: of('LengthType', 13),
    year_month_interval: of('IntervalType', 18),
    day_time_interval: of('IntervalType', 19),
    array: of('ArrayType', 20),
    struct: of('StructType', 21),
    map: of('MapType', 22),
  }),
  DecimalType: message({ scale: of('int32', 1), precision: of('int32', 2) }),
  StringType: message({ collation: text(2) }),
  LengthType: message({ length: of('int32', 1) }),
  IntervalType: message({ start_field: of('int32', 1), end_field: of('int32', 2) }),
  ArrayType: message({ element_type: of('DataType', 1), contains_null: of('bool', 2) }),
  StructType: message({ fields: many('StructField', 1) }),
  StructField: message({ name: text(1), data_type: of('DataType', 2), nullable: of('bool', 3) }),
  MapType: message({ key_type: of('DataType', 1), value_type: of('DataType', 2), value_contains_null: of('bool', 3) }),
};

const PLANS = {
  Plan: message({ root: of('Relation', 1), command: of('Command', 2) }),
  Relation: message({
    read: of('Read', 2),
    project: of('Project', 3),
    join: of('Join', 5),
    set_op: of('SetOperation', 6),
    sql: of('SQL', 10),
  }),
  SQL: message({ query: text(1) }),
  Read: message({ data_source: of('DataSource', 2) }),
  DataSource: message({ format: text(1), schema: text(2), options: map(3), paths: texts(4) }),
  Project: message({ input: of('Relation', 1), expressions: many('Expression', 3) }),
  Expression: message({ expression_string: of('ExpressionString', 4) }),
  ExpressionString: message({ expression: text(1) }),
  Join: message({
    left: of('Relation', 1),
    right: of('Relation', 2),
    join_condition: of('Expression', 3),
    join_type: of('int32', 4),
  }),
  SetOperation: message({
    left_input: of('Relation', 1),
    right_input: of('Relation', 2),
    set_op_type: of('int32', 3),
    is_all: of('bool', 4),
  }),
  Command: message({
    write_operation: of('WriteOperation', 2),
    create_dataframe_view: of('CreateView', 3),
    sql_command: of('SqlCommand', 5),
  }),
  SqlCommand: message({ sql: text(1), input: of('Relation', 6) }),
  CreateView: message({
    input: of('Relation', 1),
    name: text(2),
    is_global: of('bool', 3),
    replace: of('bool', 4),
  }),
  WriteOperation: message({
    input: of('Relation', 1),
    source: text(2),
    path: text(3),
    mode: of('int32', 5),
    partitioning_columns: texts(7),
    options: map(9),
  }),
};

const CALLS = {
  UserContext: message({ user_id: text(1), user_name: text(2) }),
  KeyValue: message({ key: text(1), value: text(2) }),
  ExecutePlanRequest: message({
    ...session,
    plan: of('Plan', 3),
    client_type: text(4),
    request_options: many('RequestOption', 5),
    operation_id: text(6),
    tags: texts(7),
    client_observed_server_side_session_id: text(8),
  }),
  RequestOption: message({ reattach_options: of('ReattachOptions', 1) }),
  ReattachOptions: message({ reattachable: of('bool', 1) }),
  ExecutePlanResponse: message({
    session_id: text(1),
    arrow_batch: of('ArrowBatch', 2),
    schema: of('DataType', 7),
    operation_id: text(12),
    response_id: text(13),
    result_complete: of('Nothing', 14),
    server_side_session_id: text(15),
    execution_progress: of('Progress', 18),
  }),
  ArrowBatch: message({ row_count: of('int64', 1), data: of('bytes', 2) }),
  Progress: message({ stages: many('Stage', 1), num_inflight_tasks: of('int64', 2) }),
  Stage: message({
    num_tasks: of('int64', 2),
    num_completed_tasks: of('int64', 3),
    input_bytes_read: of('int64', 4),
  }),
  ReattachExecuteRequest: message({
    ...session,
    operation_id: text(3),
    client_type: text(4),
    last_response_id: text(5),
    client_observed_server_side_session_id: text(6),
  }),
  ReleaseExecuteRequest: message({
    ...session,
    operation_id: text(3),
    client_type: text(4),
    release_all: of('Nothing', 5),
    release_until: of('ReleaseUntil', 6),
    client_observed_server_side_session_id: text(7),
  }),
  ReleaseUntil: message({ response_id: text(1) }),
  ReleaseExecuteResponse: message({ server_side_session_id: text(3) }),
  InterruptRequest: message({
    ...session,
    client_type: text(3),
    interrupt_type: of('int32', 4),
    operation_tag: text(5),
    operation_id: text(6),
    client_observed_server_side_session_id: text(7),
  }),
  InterruptResponse: message({ interrupted_ids: texts(2), server_side_session_id: text(3) }),
  AnalyzePlanRequest: message({
    ...session,
    client_type: text(3),
    schema: of('AnalyzeSchema', 4),
    spark_version: of('Nothing', 10),
    client_observed_server_side_session_id: text(17),
  }),
  AnalyzeSchema: message({ plan: of('Plan', 1) }),
  AnalyzePlanResponse: message({
    schema: of('AnalyzedSchema', 2),
    spark_version: of('SparkVersion', 8),
    server_side_session_id: text(15),
  }),
  AnalyzedSchema: message({ schema: of('DataType', 1) }),
  SparkVersion: message({ version: text(1) }),
  ConfigRequest: message({
    ...session,
    operation: of('ConfigOperation', 3),
    client_type: text(4),
    client_observed_server_side_session_id: text(8),
  }),
  ConfigOperation: message({ set: of('ConfigSet', 1) }),
  ConfigSet: message({ pairs: many('KeyValue', 1) }),
  ConfigResponse: message({ pairs: many('KeyValue', 2), server_side_session_id: text(4) }),
  ReleaseSessionRequest: message({ ...session, client_type: text(3) }),
  ReleaseSessionResponse: message({ session_id: text(1) }),
  // Of google.rpc: what comes with a status.
  Status: message({ code: of('int32', 1), message: text(2), details: many('Any', 3) }),
  Any: message({ type_url: text(1), value: of('bytes', 2) }),
  ErrorInfo: message({ reason: text(1), domain: text(2), metadata: map(3) }),
};

const call = (name: string, request: string, response: string, responseStream = false) => ({
  [name]: { requestType: request, responseType: response, responseStream, comment: '' },
});
const SERVICE = {
  methods: {
    ...call('ExecutePlan', 'ExecutePlanRequest', 'ExecutePlanResponse', true),
    ...call('ReattachExecute', 'ReattachExecuteRequest', 'ExecutePlanResponse', true),
    ...call('ReleaseExecute', 'ReleaseExecuteRequest', 'ReleaseExecuteResponse'),
    ...call('AnalyzePlan', 'AnalyzePlanRequest', 'AnalyzePlanResponse'),
    ...call('Config', 'ConfigRequest', 'ConfigResponse'),
    ...call('Interrupt', 'InterruptRequest', 'InterruptResponse'),
    ...call('ReleaseSession', 'ReleaseSessionRequest', 'ReleaseSessionResponse'),
  },
};

/** The protocol as the gRPC library wants it. */
export const definition = fromJSON(
  {
    nested: {
      spark: { nested: { connect: { nested: { ...TYPES, ...PLANS, ...CALLS, SparkConnectService: SERVICE } } } },
    },
  },
  { keepCase: true, longs: Number, enums: Number },
);
