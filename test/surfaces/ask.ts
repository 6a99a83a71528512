import { spawn } from 'node:child_process';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import pg from 'pg';
import type { MetricQuery } from '../../src/query/index.js';
import type { Product, Role } from '../product.js';

/** What a surface answered: rows of plain text values, or an error's code. `bytes` is everything that came over the wire. */
export interface Told {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
  readonly error: { readonly code: string; readonly message: string } | undefined;
  readonly provenance: Record<string, unknown> | undefined;
  readonly bytes: string;
}

const text = (value: unknown): string | null => (value === null || value === undefined ? null : String(value));

export const rest = async (p: Product, role: Role, query: MetricQuery, path = '/api/v2/query'): Promise<Told> => {
  const response = await fetch(`${p.http}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${p.tokens[role]}`, 'content-type': 'application/json' },
    body: JSON.stringify(query),
  });
  const bytes = await response.text();
  const body = JSON.parse(bytes) as Record<string, unknown> & {
    columns?: { name: string }[];
    rows?: unknown[][];
    code?: string;
    detail?: string;
  };
  return {
    columns: (body.columns ?? []).map((c) => c.name),
    rows: (body.rows ?? []).map((row) => row.map(text)),
    error: response.ok ? undefined : { code: body.code ?? String(response.status), message: body.detail ?? '' },
    provenance: (body['provenance'] as Record<string, unknown>) ?? (response.ok ? body : undefined),
    bytes,
  };
};

/** GraphQL text for a query over one view; `where` is passed as the schema's own input. */
export const graphql = async (
  p: Product,
  role: Role,
  document: string,
  variables: Record<string, unknown> = {},
): Promise<{
  data: unknown;
  errors: { message: string; extensions?: { code?: string } }[];
  extensions: unknown;
  bytes: string;
}> => {
  const response = await fetch(`${p.http}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${p.tokens[role]}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: document, variables }),
  });
  const bytes = await response.text();
  const body = JSON.parse(bytes) as {
    data?: unknown;
    errors?: { message: string; extensions?: { code?: string } }[];
    extensions?: unknown;
  };
  return { data: body.data, errors: body.errors ?? [], extensions: body.extensions, bytes };
};

/** A session of node-pg; every value comes as the text that the wire carried. */
export const sqlClient = async (p: Product, role: Role, extra: Partial<pg.ClientConfig> = {}): Promise<pg.Client> => {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: p.sqlPort,
    user: role,
    password: p.tokens[role],
    database: 'assay',
    types: { getTypeParser: () => (value: unknown) => value },
    ...extra,
  } as pg.ClientConfig);
  await client.connect();
  return client;
};

export const sql = async (p: Product, role: Role, statement: string, source?: string): Promise<Told> => {
  const client = await sqlClient(p, role);
  try {
    if (source) await client.query(`SET assay.source = '${source}'`);
    const result = await client.query({ text: statement, rowMode: 'array' });
    return {
      columns: result.fields.map((f) => f.name),
      rows: (result.rows as unknown[][]).map((row) => row.map(text)),
      error: undefined,
      provenance: undefined,
      bytes: JSON.stringify(result.rows),
    };
  } catch (thrown) {
    const e = thrown as { code?: string; message: string; hint?: string; detail?: string };
    return {
      columns: [],
      rows: [],
      error: { code: e.code ?? '', message: e.message },
      provenance: undefined,
      bytes: JSON.stringify([e.message, e.hint, e.detail]),
    };
  } finally {
    await client.end();
  }
};

/** Runs psql as a person would; gives what it printed. */
export const psql = (
  p: Product,
  role: Role,
  args: readonly string[],
): Promise<{ code: number | null; out: string; err: string }> =>
  new Promise((done, failed) => {
    const child = spawn('psql', ['-X', '-h', '127.0.0.1', '-p', String(p.sqlPort), '-U', role, 'assay', ...args], {
      env: { ...process.env, PGPASSWORD: p.tokens[role], PAGER: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (c: Buffer) => {
      out += c.toString();
    });
    child.stderr.on('data', (c: Buffer) => {
      err += c.toString();
    });
    child.on('error', failed);
    child.on('close', (code) => done({ code, out, err }));
  });

export interface Found {
  readonly hits: readonly { name: string; kind: string; value?: string; query?: MetricQuery }[];
  readonly total: number;
}
export const search = async (p: Product, role: Role, q: string, kind?: string): Promise<Found & { bytes: string }> => {
  const only = kind === undefined ? '' : `&kind=${kind}`;
  const response = await fetch(`${p.http}/api/v2/search?q=${encodeURIComponent(q)}${only}`, {
    headers: { authorization: `Bearer ${p.tokens[role]}` },
  });
  const bytes = await response.text();
  return { ...(JSON.parse(bytes) as Found), bytes };
};

/** A client of the Model Context Protocol, made by its own kit, over HTTP. */
export const mcpClient = async (p: Product, role: Role): Promise<Client> => {
  const client = new Client({ name: 'test', version: '1' });
  const transport = new StreamableHTTPClientTransport(new URL(`${p.http}/mcp`), {
    requestInit: { headers: { authorization: `Bearer ${p.tokens[role]}` } },
  });
  await client.connect(transport as Transport);
  return client;
};

/** Two decimals of different trailing zeros are one number. */
export const plain = (value: string | null): string | null =>
  value !== null && /^-?\d+\.\d+$/.test(value) ? value.replace(/\.?0+$/, '') : value;
