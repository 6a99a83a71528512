/** What is known about functions by their names; all in small letters. */
const names = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/).filter((name) => name !== ''));

/** Functions (and names without brackets) whose result is not decided by the inputs; `{{run.ts}}` is the only clock. */
export const UNSTABLE = names(`
  now current_timestamp get_current_timestamp current_date today current_time get_current_time transaction_timestamp localtime
  localtimestamp current_localtime current_localtimestamp random setseed uuid gen_random_uuid uuidv4 uuidv7 nextval currval version
  getenv getvariable current_user session_user user current_role current_catalog current_database current_schema current_schemas
  current_setting txid_current current_connection_id current_query_id current_transaction_id pg_backend_pid inet_client_addr
`);

/** Functions that may stand in FROM: they read nothing but their arguments. */
export const TABLE_FUNCTIONS = names('range generate_series unnest');

/** Functions over many rows: one of them in SELECT or HAVING makes the query one of groups. */
export const AGGREGATES = names(`
  any_value approx_count_distinct approx_quantile approx_top_k arbitrary arg_max arg_max_null arg_max_nulls_last arg_min arg_min_null
  arg_min_nulls_last argmax argmin array_agg avg bit_and bit_or bit_xor bitstring_agg bool_and bool_or corr count count_if count_star
  countif covar_pop covar_samp entropy favg first fsum geomean geometric_mean group_concat grouping grouping_id histogram histogram_exact
  kahan_sum kurtosis kurtosis_pop last list listagg mad max max_by mean median min min_by mode product quantile quantile_cont quantile_disc
  regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy reservoir_quantile sem skewness stddev
  stddev_pop stddev_samp string_agg sum sum_no_overflow sumkahan var_pop var_samp variance wavg weighted_avg
`);

/** Aggregates whose second argument only chooses the row: arg_max(value, by). */
export const CHOOSING = names(
  'arg_max arg_max_null arg_max_nulls_last arg_min arg_min_null arg_min_nulls_last argmax argmin max_by min_by',
);

/** Aggregates whose result depends on the order of rows, unless they have an ORDER BY of their own. */
export const ORDERED_AGGREGATES = names(
  'any_value arbitrary array_agg first group_concat last list listagg string_agg',
);

/** Window functions whose result depends on the order of rows. */
export const ORDERED_WINDOWS = names('row_number ntile lag lead first first_value last last_value nth_value fill');

/** Functions that take lambdas. */
export const LAMBDA_FUNCTIONS = names(`
  list_apply list_transform array_apply array_transform apply transform list_filter array_filter filter list_reduce array_reduce reduce
`);
