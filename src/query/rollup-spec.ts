/** A rollup as it would stand in the model, with the model's own keys, and the cube that it would stand in. */
export interface RollupSpec {
  readonly cube: string;
  readonly name?: string;
  readonly measures: readonly string[];
  readonly dimensions?: readonly string[];
  readonly time_dimension?: string;
  readonly granularity?: string;
  readonly partition_granularity?: string;
}
