import type { FastifyReply, FastifyRequest } from 'fastify';
import { AssayError, error } from '../../errors/index.js';
import type { Caller, Emit } from '../../query/index.js';
import type { Authenticator } from '../auth/index.js';
import { rateLimit } from './rate-limit.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; undefined on open routes. Handlers take it with `callerOf`. */
    caller: Caller | undefined;
  }
  interface FastifyContextConfig {
    /** Served without a token. */
    open?: boolean;
  }
}

/** Who asks. Errors: `unauthenticated` on a route that was left open by mistake. */
export const callerOf = (request: FastifyRequest): Caller => {
  if (!request.caller) throw error('unauthenticated', { why: 'no token was sent' });
  return request.caller;
};

/** Refused credentials per address and minute; then the address waits. Good tokens are not counted. */
const FAILURES_PER_MINUTE = 60;

interface Guard {
  readonly auth: Authenticator;
  readonly emit: Emit;
  readonly rateLimit: number;
}

/**
 * The hook in front of every route: who asks, and how often. A token that is known costs a map look-up. Errors: `unauthenticated`,
 * `too-many-requests`.
 */
export const guard = ({ auth, emit, rateLimit: perMinute }: Guard) => {
  const callers = rateLimit(perMinute);
  const failures = rateLimit(FAILURES_PER_MINUTE);
  const admit = (request: FastifyRequest, reply: FastifyReply, caller: Caller): void => {
    const wait = callers.take(`${caller.tenant}/${caller.subject}`);
    if (wait > 0) throw tooMany(reply, wait);
    request.caller = caller;
  };
  const refuse = (request: FastifyRequest, reply: FastifyReply, thrown: unknown): unknown => {
    if (!(thrown instanceof AssayError) || thrown.code !== 'unauthenticated') return thrown;
    emit('auth.failed', { surface: 'http', reason: String(thrown.parameters['why']) });
    const wait = failures.take(request.ip);
    if (wait > 0) return tooMany(reply, wait);
    reply.header('www-authenticate', 'Bearer realm="assay"');
    return thrown;
  };
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (request.routeOptions.config.open || request.is404) return;
    const token = bearerOf(request.headers.authorization);
    if (token === undefined) throw refuse(request, reply, error('unauthenticated', { why: 'no token was sent' }));
    let caller = auth.known(token);
    if (!caller)
      try {
        caller = await auth.verify(token);
      } catch (thrown) {
        throw refuse(request, reply, thrown);
      }
    admit(request, reply, caller);
  };
};

const tooMany = (reply: FastifyReply, seconds: number): AssayError => {
  reply.header('retry-after', String(seconds));
  return error('too-many-requests', { seconds });
};

/** The token of `Authorization: Bearer …` (RFC 6750); the scheme's case does not matter. */
const bearerOf = (header: string | undefined): string | undefined => {
  if (header === undefined || header.length < 8 || header.slice(0, 7).toLowerCase() !== 'bearer ') return undefined;
  return header.slice(7).trim();
};
