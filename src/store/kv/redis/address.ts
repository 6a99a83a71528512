import { connect } from 'node:net';
import { type AssayError, error } from '../../../errors/index.js';

/** Where a server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Who logs in, and whether the line is encrypted. */
export interface Login {
  readonly username?: string;
  readonly password?: string;
  readonly tls?: Record<string, never>;
}

/** What ASSAY_REDIS_URL names. */
export type Place =
  | { readonly kind: 'single'; readonly address: Address; readonly database: number; readonly login: Login }
  | { readonly kind: 'cluster'; readonly addresses: readonly Address[]; readonly login: Login }
  | {
      readonly kind: 'sentinel';
      /** Of the sentinels; they know where the master is. */
      readonly addresses: readonly Address[];
      readonly master: string;
      readonly database: number;
      readonly login: Login;
      readonly sentinelLogin: Pick<Login, 'username' | 'password'>;
    };

const FORMS =
  'a url such as redis://user:password@host:6379/0 is wanted; several, comma-separated, are a cluster; redis-sentinel://host:26379/NAME asks Sentinels for the master NAME';
const bad = (why: string): AssayError =>
  error('config-invalid', { name: 'ASSAY_REDIS_URL', value: '***', wanted: why });

const parse = (text: string): URL => {
  if (!/^rediss?(-sentinel)?:\/\//.test(text) || !URL.canParse(text)) throw bad(FORMS);
  return new URL(text);
};

const addressOf = (url: URL, port: number): Address => ({
  host: url.hostname.replace(/^\[|\]$/g, ''),
  port: Number(url.port || port),
});

const loginOf = (url: URL): Login => ({
  ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
  ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
  ...(url.protocol.startsWith('rediss') ? { tls: {} } : {}),
});

const databaseOf = (text: string | undefined): number => {
  if (!/^\d*$/.test(text ?? '')) throw bad('the last part of the path is the number of a database');
  return Number(text || 0);
};

const sentinelOf = (urls: readonly URL[], first: URL): Place => {
  const [master, database, ...more] = first.pathname.split('/').slice(1);
  if (!master || more.length > 0)
    throw bad('a Sentinel’s url names its master: redis-sentinel://host:26379/NAME, or /NAME/DATABASE');
  const username = first.searchParams.get('sentinel-user');
  const password = first.searchParams.get('sentinel-password');
  return {
    kind: 'sentinel',
    addresses: urls.map((url) => addressOf(url, 26_379)),
    master: decodeURIComponent(master),
    database: databaseOf(database),
    login: loginOf(first),
    sentinelLogin: { ...(username === null ? {} : { username }), ...(password === null ? {} : { password }) },
  };
};

/** Reads ASSAY_REDIS_URL; user, password, master and database stand in its first url. Errors: `config-invalid`. */
export const placeOf = (redisUrl: string): Place => {
  const urls = redisUrl
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map(parse);
  const [first] = urls;
  if (!first) throw bad('a url is wanted');
  const sentinels = urls.filter((url) => url.protocol.includes('sentinel'));
  if (sentinels.length > 0) {
    if (sentinels.length < urls.length) throw bad('either all urls are of Sentinels or none is');
    return sentinelOf(urls, first);
  }
  const login = loginOf(first);
  if (urls.length > 1) return { kind: 'cluster', addresses: urls.map((url) => addressOf(url, 6379)), login };
  return { kind: 'single', address: addressOf(first, 6379), database: databaseOf(first.pathname.slice(1)), login };
};

const listens = ({ host, port }: Address): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2_000 });
    const end = (there: boolean) => {
      socket.destroy();
      resolve(there);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });

/** Whether somebody listens at one of these addresses, whatever he says. */
export const someoneListens = async (addresses: readonly Address[]): Promise<boolean> =>
  (await Promise.all(addresses.map(listens))).includes(true);
