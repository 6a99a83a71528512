import { entry } from './entry.js';

/** Wires: credentials and requests that cannot be decoded. */
export const serve = {
  unauthenticated: entry<{ why: string }>({
    blame: 'caller',
    status: 401,
    sqlstate: '28000',
    exit: 1,
    message: (p) => `not authenticated: ${p.why}`,
    hint: () => 'send a valid token (HTTP: Authorization: Bearer; SQL: as the password)',
  }),
  'request-invalid': entry<{ where: string; what: string }>({
    blame: 'caller',
    status: 400,
    sqlstate: '08P01',
    exit: 1,
    message: (p) => `${p.where}: ${p.what}`,
  }),
  'not-found': entry<{ what: string }>({
    blame: 'caller',
    status: 404,
    sqlstate: '42704',
    exit: 1,
    message: (p) => `there is no ${p.what}`,
  }),
  'not-acceptable': entry<{ accept: string; known: string }>({
    blame: 'caller',
    status: 406,
    sqlstate: '0A000',
    exit: 1,
    message: (p) => `cannot answer as ${p.accept}`,
    hint: (p) => `formats: ${p.known}`,
  }),
  'too-many-sessions': entry<{ limit: number }>({
    blame: 'operator',
    status: 503,
    sqlstate: '53300',
    exit: 1,
    message: (p) => `too many SQL sessions (limit ${p.limit})`,
    hint: () => 'close some, or raise ASSAY_SQL_SESSIONS',
  }),
  'too-many-requests': entry<{ seconds: number }>({
    blame: 'caller',
    status: 429,
    sqlstate: '53400',
    exit: 1,
    message: (p) => `too many requests; try again in ${p.seconds} s`,
  }),
};
