/**
 * Turns texts into unit vectors whose dot product is their likeness. `id` and `version` are part of every key under which vectors are
 * kept: another embedder reads nothing that this one wrote.
 */
export interface Embedder {
  readonly id: string;
  readonly version: string;
  /** Numbers in a vector; asking may open what makes them. */
  dims(): Promise<number>;
  /** Errors: `embedder-failed`. */
  embed(texts: readonly string[], signal?: AbortSignal): Promise<readonly Float32Array[]>;
  close(): Promise<void>;
}

/** A vector of length 1; one of length 0 stays. */
export const unit = (vector: ArrayLike<number>): Float32Array => {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) sum += (vector[i] ?? 0) ** 2;
  const by = sum > 0 ? 1 / Math.sqrt(sum) : 0;
  return Float32Array.from(vector, (x) => x * by);
};

export const dot = (a: Float32Array, b: Float32Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
};
