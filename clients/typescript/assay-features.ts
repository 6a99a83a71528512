import { type RecordBatch, RecordBatchReader, type Schema } from 'apache-arrow';

/** A row of labels: the entity's key, `event_time` where a training set is wanted, and whatever is to come back. */
export type Row = Readonly<Record<string, string | number | boolean | null>>;

/** A service by name, or some features. `fingerprint`: the schema that the caller was made for; another one is refused. */
export type Choice = { readonly fingerprint?: string } & (
  | { readonly service: string }
  | { readonly features: readonly string[] }
);

/** What a service refused: its stable code, its words, and what to do. */
export class AssayRefused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly hint: string | undefined,
  ) {
    super(detail);
    this.name = 'AssayRefused';
  }
}

/** Columns, rows in their order (decimals and 64-bit integers as texts), and what they were made from. */
export interface OnlineAnswer {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly (string | number | boolean | null)[])[];
  readonly provenance: { readonly asOf: string; readonly fingerprint: string; readonly version: string };
}

/** Pulls features from an Assay server. Node 20 or a browser; needs `apache-arrow`. */
export class FeatureClient {
  constructor(
    readonly url: string,
    readonly token: string,
  ) {}

  /**
   * A training set as Arrow record batches, as they arrive; breaking off stops the server's work. Errors: `AssayRefused`; a stream that
   * was cut rejects, it never just ends.
   */
  async *historical(
    choice: Choice,
    spine: readonly Row[] | { readonly query: object },
    signal?: AbortSignal,
  ): AsyncGenerator<RecordBatch> {
    const response = await this.#post('historical', { ...choice, spine, format: 'arrow' }, signal);
    const reader = await RecordBatchReader.from(response);
    try {
      for await (const batch of reader) yield batch;
    } finally {
      await reader.cancel();
    }
  }

  /** Features as they were last materialized. */
  async online(
    choice: Choice,
    entities: readonly Row[],
    options: { readonly max_age?: string; readonly include?: readonly ('status' | 'event_time')[] } = {},
  ): Promise<OnlineAnswer> {
    const response = await this.#post('online', { ...choice, entities, ...options });
    return (await response.json()) as OnlineAnswer;
  }

  /** A service's columns as an Arrow schema, and its fingerprint. */
  async service(name: string): Promise<{ readonly schema: Schema; readonly fingerprint: string }> {
    const response = await this.#sent(`services/${encodeURIComponent(name)}`, {
      headers: { accept: 'application/vnd.apache.arrow.stream' },
    });
    const reader = await RecordBatchReader.from(response);
    const { schema } = await reader.open();
    return { schema, fingerprint: (response.headers.get('etag') ?? '').replaceAll('"', '') };
  }

  #post(route: string, body: object, signal?: AbortSignal): Promise<Response> {
    return this.#sent(route, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      ...(signal ? { signal } : {}),
    });
  }

  async #sent(route: string, init: RequestInit & { headers: Record<string, string> }): Promise<Response> {
    const headers = { ...init.headers, authorization: `Bearer ${this.token}` };
    const response = await fetch(`${this.url}/api/v2/features/${route}`, { ...init, headers });
    if (response.ok) return response;
    const told = (await response.json()) as { code?: string; detail?: string; hint?: string };
    throw new AssayRefused(
      response.status,
      told.code ?? 'internal',
      told.detail ?? `status ${response.status}`,
      told.hint,
    );
  }
}
