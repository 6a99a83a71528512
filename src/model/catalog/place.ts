/** Where in the model's files something stands. `file` is relative to the model's folder. */
export interface Place {
  readonly file: string;
  readonly line: number;
}
