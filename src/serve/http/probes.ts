import type { FastifyInstance } from 'fastify';
import { AssayError, error } from '../../errors/index.js';
import type { Emit } from '../../query/index.js';

/** One dependency's state; it throws, or says why it is not ready. */
export type Check = () => Promise<{ readonly ok: boolean; readonly detail?: string }>;

/** A dependency that does not answer within this time is not ready. */
const CHECK_MILLISECONDS = 5_000;

export interface Probed {
  readonly checks: Readonly<Record<string, Check>>;
  readonly metrics?: () => Promise<{ readonly type: string; readonly text: string }>;
  readonly emit: Emit;
}

/** `/health`: the process lives. `/ready`: each dependency and its state. `/metrics`. All without a token: they tell no data. */
export const probes = (app: FastifyInstance, { checks, metrics, emit }: Probed): void => {
  app.get('/health', { config: { open: true } }, async () => ({ status: 'ok' }));
  app.get('/ready', { config: { open: true } }, async (_request, reply) => {
    const states = await Promise.all(
      Object.entries(checks).map(async ([name, check]) => [name, await stateOf(check)] as const),
    );
    const ready = states.every(([, state]) => state.ok);
    for (const [name, state] of states)
      if (!state.ok) emit('notice', { message: `not ready: ${name}${state.detail ? `: ${state.detail}` : ''}` });
    return reply
      .code(ready ? 200 : 503)
      .send({ status: ready ? 'ready' : 'not ready', checks: Object.fromEntries(states) });
  });
  if (metrics)
    app.get('/metrics', { config: { open: true } }, async (_request, reply) => {
      const { type, text } = await metrics();
      return reply.type(type).send(text);
    });
};

const stateOf = async (check: Check): Promise<{ ok: boolean; detail?: string }> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<{ ok: boolean; detail: string }>((resolve) => {
    timer = setTimeout(
      () => resolve({ ok: false, detail: `no answer within ${CHECK_MILLISECONDS} ms` }),
      CHECK_MILLISECONDS,
    );
  });
  try {
    return await Promise.race([check(), late]);
  } catch (thrown) {
    // Anybody may ask: the code says enough, the message may name hosts.
    return { ok: false, detail: thrown instanceof AssayError ? thrown.code : error('internal', {}).code };
  } finally {
    clearTimeout(timer);
  }
};
