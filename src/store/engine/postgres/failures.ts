import { AssayError, error } from '../../../errors/index.js';

const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there',
  ENOTFOUND: 'there is no host of this name',
  EAI_AGAIN: 'the name of the host cannot be resolved now',
  EHOSTUNREACH: 'there is no way to the host',
  ENETUNREACH: 'there is no way to the network',
  ETIMEDOUT: 'it did not answer in time',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  '28P01': 'it refused the user or the password',
  '28000': 'it refused the user',
  '3D000': 'it has no such database',
  '53300': 'it has no connection left',
  '57P01': 'it was shut down',
  '57P02': 'it crashed and is recovering',
  '57P03': 'it is starting up or shutting down',
};

const isCode = (e: unknown): e is Error & { code: string } =>
  e instanceof Error && typeof (e as { code?: unknown }).code === 'string';

/** SQLSTATE of a server's error; undefined for anything else. */
export const sqlstateOf = (e: unknown): string | undefined =>
  isCode(e) && /^[0-9A-Z]{5}$/.test(e.code) && 'severity' in e ? e.code : undefined;

/**
 * A driver's or server's error as one of the catalogue. The server's own message goes to `cause` only: it may carry data.
 * `what` names the server in messages; `ended` is the reason why we ended the statement ourselves.
 */
export const postgresFailure = (e: unknown, what: string, ended?: AssayError): AssayError => {
  if (e instanceof AssayError) return e;
  const state = sqlstateOf(e);
  if (state === '57014') return ended ?? error('cancelled', {}, e);
  if (ended) return ended;
  if (state === '53100') return error('disk-full', { path: `the data of ${what}` }, e);
  const known = isCode(e) ? UNREACHABLE[e.code] : undefined;
  if (known) return error('postgres-unavailable', { what, why: known }, e);
  if (state?.startsWith('08')) return error('postgres-unavailable', { what, why: 'the connection was lost' }, e);
  if (state) return error('engine-failed', { engine: 'postgres', sqlstate: state }, e);
  // node-postgres gives its connection errors no code.
  return error('postgres-unavailable', { what, why: 'the connection was lost' }, e);
};
