import type pg from 'pg';
import { error } from '../../../errors/index.js';
import type { ColumnBatch, Value } from '../../../query/index.js';

/** What this query needs of a connection of node-postgres (protocol messages of the extended query, PostgreSQL manual 54.2.3). */
interface Wire {
  readonly stream: { cork(): void; uncork(): void };
  readonly parsedStatements: Record<string, string | undefined>;
  parse(message: { name: string; text: string }): void;
  bind(message: { portal: string; statement: string; values: readonly (string | null)[] }): void;
  execute(message: { portal: string; rows: number }): void;
  close(message: { type: 'S' | 'P'; name: string }): void;
  flush(): void;
  sync(): void;
  sendCopyFail(message: string): void;
}

/** A statement of a connection: its name there, and one that has to make room for it. */
export interface NamedStatement {
  readonly name: string;
  readonly drop: string | undefined;
}

/** A batch grows from the first, which is small so that the first rows come at once. */
const FIRST = 256;
const BATCH = 2048;

/**
 * Runs one statement through a portal, a batch of rows with each Execute, so that the server waits while the reader does. Fields go
 * straight into columns. One batch is fetched ahead.
 */
export class StreamQuery implements pg.Submittable {
  readonly text: string;
  /** node-postgres notes a parsed statement under this name. */
  readonly name: string;
  readonly #named: NamedStatement;
  readonly #values: readonly (string | null)[];
  readonly #readers: readonly ((text: string | null) => Value)[];
  #wire: Wire | undefined;
  #columns: Value[][];
  #length = 0;
  #size = FIRST;
  #state: 'running' | 'suspended' | 'ended' = 'running';
  #closed = false;
  #ready: ColumnBatch[] = [];
  #failure: { readonly thrown: unknown } | undefined;
  #wake: (() => void) | undefined;
  /** Resolves when the server no longer works on the statement. */
  readonly ended: Promise<void>;
  #setEnded: () => void = () => {};

  constructor(
    text: string,
    values: readonly (string | null)[],
    named: NamedStatement,
    readers: readonly ((text: string | null) => Value)[],
  ) {
    this.text = text;
    this.name = named.name;
    this.#named = named;
    this.#values = values;
    this.#readers = readers;
    this.#columns = readers.map(() => []);
    this.ended = new Promise((resolve) => {
      this.#setEnded = resolve;
    });
  }

  submit(connection: pg.Connection): void {
    const wire = connection as unknown as Wire;
    this.#wire = wire;
    wire.stream.cork();
    const { name, drop } = this.#named;
    if (drop !== undefined) {
      wire.close({ type: 'S', name: drop });
      delete wire.parsedStatements[drop];
    }
    if (wire.parsedStatements[name] !== this.text) wire.parse({ name, text: this.text });
    wire.bind({ portal: '', statement: name, values: this.#values });
    wire.execute({ portal: '', rows: this.#size });
    wire.flush();
    wire.stream.uncork();
  }

  /** Resolves when the first batch, or the end, is there; rejects when the statement failed before. */
  async first(): Promise<void> {
    while (this.#ready.length === 0 && this.#state !== 'ended' && !this.#failure)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    if (this.#failure && this.#ready.length === 0) throw this.#failure.thrown;
  }

  /** The next batch, undefined after the last. */
  async next(): Promise<ColumnBatch | undefined> {
    for (;;) {
      if (this.#failure) throw this.#failure.thrown;
      const batch = this.#ready.shift();
      if (batch) {
        if (this.#state === 'suspended') this.#more();
        return batch;
      }
      if (this.#state === 'ended') return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Gives up the rest. A statement that runs has to be cancelled on the server; then `ended` tells. */
  close(): void {
    this.#closed = true;
    if (this.#state === 'suspended') this.#end();
  }

  /** Makes waiting and later readers fail. */
  fail(thrown: unknown): void {
    this.#failure ??= { thrown };
    this.#notify();
  }

  #more(): void {
    this.#state = 'running';
    this.#size = BATCH;
    this.#wire?.execute({ portal: '', rows: this.#size });
    this.#wire?.flush();
  }

  #end(): void {
    this.#state = 'ended';
    this.#wire?.close({ type: 'P', name: '' });
    this.#wire?.sync();
    this.#setEnded();
  }

  #deliver(): void {
    if (this.#length > 0) this.#ready.push({ length: this.#length, columns: this.#columns });
    this.#columns = this.#readers.map(() => []);
    this.#length = 0;
    this.#notify();
  }

  #misfit(fields: number) {
    return error('internal', {}, new RangeError(`${fields} columns came, ${this.#readers.length} are declared`));
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  handleDataRow(message: { fields: readonly (string | null)[] }): void {
    if (this.#failure || this.#closed) return;
    try {
      if (message.fields.length !== this.#readers.length) throw this.#misfit(message.fields.length);
      this.#readers.forEach((read, i) => {
        this.#columns[i]?.push(read(message.fields[i] ?? null));
      });
      this.#length += 1;
    } catch (e) {
      this.fail(e);
    }
  }

  handlePortalSuspended(): void {
    this.#state = 'suspended';
    if (this.#failure || this.#closed) this.#end();
    this.#deliver();
  }

  handleCommandComplete(): void {
    this.#end();
    this.#deliver();
  }

  handleEmptyQuery(): void {
    this.handleCommandComplete();
  }

  handleError(e: unknown): void {
    // After an error the server skips everything up to a Sync.
    this.#state = 'ended';
    this.#wire?.sync();
    this.#setEnded();
    this.fail(e);
  }

  handleReadyForQuery(): void {
    this.#state = 'ended';
    this.#setEnded();
    this.#notify();
  }

  handleRowDescription(): void {}

  handleCopyInResponse(connection: pg.Connection): void {
    (connection as unknown as Wire).sendCopyFail('a SELECT is wanted');
  }

  handleCopyData(): void {}
}
