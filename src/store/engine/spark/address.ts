import { isIP } from 'node:net';
import { error } from '../../../errors/index.js';

/** Where a server is and how one speaks to it, read from `sc://host:port/;key=value;…`. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly token: string | undefined;
  readonly user: string;
  /** Further keys of the URL go along as headers, as Spark's own clients send them. */
  readonly headers: Readonly<Record<string, string>>;
  /** `host:port`, for messages: never the token. */
  readonly name: string;
}

const PORT = 15_002;
/** Read by Spark's clients and of no meaning here. */
const IGNORED = new Set(['user_agent', 'session_id']);

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));

/**
 * Errors: `config-invalid`, which shows no more of the URL than its form. A token is sent through TLS only, except on this machine:
 * whoever reads it could run what they like in Spark.
 */
export const parseAddress = (url: string): Address => {
  const bad = (wanted: string) => error('config-invalid', { name: 'ASSAY_SPARK', value: '***', wanted });
  const match = /^sc:\/\/(\[[0-9a-fA-F:]+\]|[^:/;\s[\]]+)(?::(\d{1,5}))?(?:\/(?:;(.*))?)?$/.exec(url);
  if (!match) throw bad('sc://host:port/;token=…;use_ssl=true is wanted');
  const port = Number(match[2] ?? PORT);
  if (port < 1 || port > 65_535) throw bad('a port from 1 to 65535 is wanted');
  const host = (match[1] ?? '').replace(/^\[|\]$/g, '');
  const given = new Map<string, string>();
  for (const pair of (match[3] ?? '').split(';').filter((p) => p !== '')) {
    const at = pair.indexOf('=');
    if (at < 1) throw bad('what follows the host is a list of key=value, with semicolons between them');
    try {
      given.set(decodeURIComponent(pair.slice(0, at)), decodeURIComponent(pair.slice(at + 1)));
    } catch (thrown) {
      if (thrown instanceof URIError) throw bad('keys and values are percent-encoded');
      throw thrown;
    }
  }
  const token = given.get('token');
  const ssl = given.get('use_ssl');
  if (ssl !== undefined && ssl !== 'true' && ssl !== 'false') throw bad('use_ssl is true or false');
  const tls = ssl === 'true';
  if (token !== undefined && !tls && !isLoopback(host))
    throw bad('a token is sent through TLS only: add use_ssl=true (a server on this machine needs none)');
  const own = new Set(['token', 'use_ssl', 'user_id', ...IGNORED]);
  return {
    host,
    port,
    tls,
    token,
    user: given.get('user_id') ?? 'assay',
    headers: Object.fromEntries([...given].filter(([key]) => !own.has(key))),
    name: `${match[1]}:${port}`,
  };
};
