import { AssayError, error } from '../../errors/index.js';
import type { Caller, Emit } from '../../query/index.js';
import type { Client } from './client.js';
import { LONGEST_FRAME } from './codec/frames.js';
import { Reader } from './codec/read.js';
import { frame, int32, text } from './codec/write.js';
import type { SqlServerOptions } from './options.js';
import { fatal } from './reports.js';

/** The name under which every facade is reached. */
export const DATABASE = 'assay';
/** Milliseconds until a login must be complete. */
const LOGIN_TIME = 10_000;
const PROTOCOL_3 = 196_608;
const SSL = 80_877_103;
const GSS = 80_877_104;
const CANCEL = 80_877_102;
/** Settings that a client may not choose at its start. */
const GUARDED =
  /standard_conforming_strings|backslash_quote|row_security|session_authorization|\brole\b|local_preload|session_preload/i;

export interface LoggedIn {
  readonly caller: Caller;
  /** Settings of the startup packet, for the backend. */
  readonly parameters: Readonly<Record<string, string>>;
}

interface Hands {
  readonly options: SqlServerOptions;
  readonly cancel: (pid: number, key: Buffer) => void;
  readonly emit: Emit;
}

/**
 * Everything before the first query: TLS and GSS refused, cancel requests, the startup packet, the token. Undefined: the
 * connection has ended (it was told why).
 */
export const login = async (client: Client, hands: Hands): Promise<LoggedIn | undefined> => {
  const late = setTimeout(() => client.socket.destroy(), LOGIN_TIME);
  try {
    const parameters = await startup(client, hands);
    if (!parameters) return undefined;
    const refusal = refused(client, parameters);
    if (refusal) {
      client.end(refusal);
      return undefined;
    }
    const caller = await authenticated(client, parameters, hands);
    if (!caller) return undefined;
    client.splitter.limit = LONGEST_FRAME;
    client.show(frame('R', int32(0)));
    const { user: _user, database: _database, replication: _replication, ...rest } = parameters;
    return { caller, parameters: rest };
  } finally {
    clearTimeout(late);
  }
};

const startup = async (client: Client, hands: Hands): Promise<Record<string, string> | undefined> => {
  for (;;) {
    const packet = await client.next();
    if (!packet) return undefined;
    const r = new Reader(packet.payload);
    const code = r.int32();
    if (code === SSL || code === GSS) {
      client.show(Buffer.from('N'));
      continue;
    }
    if (code === CANCEL) {
      hands.cancel(r.int32(), r.rest);
      client.end();
      return undefined;
    }
    if (code >>> 16 !== PROTOCOL_3 >>> 16) {
      client.end(fatal('0A000', `protocol ${code >>> 16}.${code & 0xffff} is not supported`, 'use protocol 3.0'));
      return undefined;
    }
    client.splitter.untyped = false;
    const parameters: Record<string, string> = {};
    for (let name = r.text(); name !== ''; name = r.text()) parameters[name] = r.text();
    const unknown = Object.keys(parameters).filter((name) => name.startsWith('_pq_.'));
    if (code !== PROTOCOL_3 || unknown.length > 0)
      client.show(frame('v', int32(PROTOCOL_3), int32(unknown.length), ...unknown.map(text)));
    for (const name of unknown) delete parameters[name];
    return parameters;
  }
};

/** What is refused before a password is asked for. */
const refused = (client: Client, parameters: Readonly<Record<string, string>>): Buffer | undefined => {
  const { replication = 'false', database = '', client_encoding = 'UTF8' } = parameters;
  if (!['false', 'off', 'no', '0'].includes(replication)) return fatal('0A000', 'replication is not supported');
  if (!/^('?)(utf-?8|unicode)\1$/i.test(client_encoding))
    return fatal(
      '0A000',
      `client_encoding ${client_encoding} is not supported`,
      'set client_encoding to UTF8 (libpq: PGCLIENTENCODING)',
    );
  if (
    Object.entries(parameters).some(
      ([name, value]) => GUARDED.test(name) || (name === 'options' && GUARDED.test(value)),
    )
  )
    return fatal('0A000', 'a setting of the connection is not supported');
  if (database !== '' && database !== DATABASE && database !== parameters['user'])
    return fatal('3D000', `database "${database}" does not exist`, `connect to the database ${DATABASE}`);
  if (!isLoopback(client.socket.remoteAddress ?? ''))
    return fatal(
      '28000',
      'a token in clear text is taken from this machine only',
      'connect through a tunnel, or put a proxy that speaks TLS in front',
    );
  return undefined;
};

const isLoopback = (address: string): boolean => /^(::ffff:)?127\.|^::1$/.test(address);

const authenticated = async (
  client: Client,
  parameters: Readonly<Record<string, string>>,
  { options, emit }: Hands,
): Promise<Caller | undefined> => {
  client.show(frame('R', int32(3)));
  const packet = await client.next();
  if (packet?.type !== 'p') {
    client.end();
    return undefined;
  }
  try {
    const user = parameters['user'] ?? '';
    const caller = await options.authenticate(user, new Reader(packet.payload).text());
    return narrowed(caller, user);
  } catch (thrown) {
    if (!(thrown instanceof AssayError)) emit('bug', { where: 'sql login', error: thrown });
    const told = thrown instanceof AssayError ? thrown : error('internal', {});
    emit('auth.failed', { surface: 'sql', reason: told.message });
    client.end(fatal(told.sqlstate, told.message, told.hint));
    return undefined;
  }
};

/** The caller as `user`: in that role alone, or whole under its own subject. Errors: `unauthenticated`. */
export const narrowed = (caller: Caller, user: string): Caller => {
  if (caller.roles.includes(user)) return { ...caller, roles: [user] };
  if (caller.subject === user) return caller;
  throw error('unauthenticated', { why: 'the user name is neither the token’s subject nor one of its roles' });
};
