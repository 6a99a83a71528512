declare module 'pg-cursor' {
  import type { Submittable } from 'pg';
  /** The part of the driver's cursor that the tests use. */
  export default class Cursor implements Submittable {
    constructor(text: string, values?: unknown[], config?: { rowMode?: 'array' });
    read(rows: number): Promise<unknown[]>;
    close(): Promise<void>;
    submit: Submittable['submit'];
  }
}
