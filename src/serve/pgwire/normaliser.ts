import { error } from '../../errors/index.js';
import { Backend, type BackendTarget } from './backend.js';
import type { Frame } from './codec/frames.js';
import { readDataRow, readReport } from './codec/read.js';
import { queryMessage } from './codec/write.js';

/** What a simple query of the helper gave: the rows of all its statements, or its error. */
export interface NormaliserResult {
  readonly rows: readonly (readonly (string | null)[])[];
  readonly error: ReadonlyMap<string, string> | undefined;
}

/**
 * A backend of a facade's own, outside of every client's transaction, for one question at a time. What it does is always rolled
 * back or only read.
 */
export class Normaliser {
  private tail: Promise<unknown> = Promise.resolve();
  private got: ((frame: Frame) => void) | undefined;
  private lost: (() => void) | undefined;
  private readonly typeNames = new Map<number, string>();

  private constructor(private readonly backend: Backend) {
    backend.onFrame = (f) => this.got?.(f);
    backend.onClose = () => this.lost?.();
  }

  /** Errors: `postgres-unavailable`. */
  static async open(target: BackendTarget): Promise<Normaliser> {
    return new Normaliser(await Backend.open(target, { application_name: 'assay', client_encoding: 'UTF8' }, () => {}));
  }

  get closed(): boolean {
    return this.backend.closed;
  }

  query(sql: string): Promise<NormaliserResult> {
    const run = () => this.ask(sql);
    const next = this.tail.then(run, run);
    this.tail = next.catch(() => {}); // the asker has the error; the next question starts anew
    return next;
  }

  private ask(sql: string): Promise<NormaliserResult> {
    const rows: (readonly (string | null)[])[] = [];
    let failed: ReadonlyMap<string, string> | undefined;
    return new Promise((resolve, reject) => {
      this.lost = () =>
        reject(error('postgres-unavailable', { what: 'the session cluster', why: 'it closed the connection' }));
      if (this.backend.closed) return this.lost();
      this.got = ({ type, payload }) => {
        if (type === 'D') rows.push(readDataRow(payload));
        else if (type === 'E') failed ??= readReport(payload);
        else if (type === 'Z') resolve({ rows, error: failed });
      };
      this.backend.write(queryMessage(sql));
      this.backend.flush();
    });
  }

  /** Names of types by their numbers, as PostgreSQL writes them. */
  async typesOf(oids: readonly number[]): Promise<readonly string[]> {
    const unknown = [...new Set(oids)].filter((o) => !this.typeNames.has(o));
    if (unknown.length > 0) {
      const columns = unknown.map((o) => `pg_catalog.format_type(${o}, NULL)`);
      const { rows } = await this.query(`SELECT ${columns.join(', ')}`);
      unknown.forEach((o, i) => {
        this.typeNames.set(o, rows[0]?.[i] ?? 'text');
      });
    }
    return oids.map((o) => this.typeNames.get(o) ?? 'text');
  }

  close(): void {
    this.backend.end();
  }
}
