import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Answer } from '../../answer/run/index.js';
import { error, toAssayError } from '../../errors/index.js';
import type { Emit, Provenance } from '../../query/index.js';
import { arrowEncoder } from './arrow-encoder.js';
import type { BytesCache } from './bytes-cache.js';
import { csvEncoder, type Encoder, jsonEncoder, linesEncoder } from './encoders.js';

export const ANSWER_TYPES = ['application/json', 'text/csv'] as const;
/** What training sets can be had as, beside. */
export const PULL_TYPES = [...ANSWER_TYPES, 'application/x-ndjson', 'application/vnd.apache.arrow.stream'] as const;
export type AnswerType = (typeof PULL_TYPES)[number];
const ENCODERS: Readonly<Record<AnswerType, (...of: Parameters<typeof jsonEncoder>) => Encoder>> = {
  'application/json': jsonEncoder,
  'text/csv': csvEncoder,
  'application/x-ndjson': linesEncoder,
  'application/vnd.apache.arrow.stream': arrowEncoder,
};

/** Rows that are written to one piece of text. */
const ROWS_AT_ONCE = 1_024;
/**
 * An answer is held back until this many bytes, so that an error of its rows still has a status; then the bytes that are there go out
 * and the rest follows as the client reads.
 */
const HELD: Readonly<Record<AnswerType, number>> = {
  'application/json': 8 << 20,
  'text/csv': 256 << 10,
  'application/x-ndjson': 256 << 10,
  'application/vnd.apache.arrow.stream': 256 << 10,
};

interface Sending {
  readonly answer: Answer;
  readonly type: AnswerType;
  /** Rows that this format may have; the runner keeps the same budget, this one guards the wire. Undefined: the caller's. */
  readonly rows: number | undefined;
  readonly cache: BytesCache;
  readonly emit: Emit;
}

/** Encodes and sends one answer; a client that has it already gets 304. Errors: those of the rows, as long as nothing was sent. */
export const sendAnswer = async (
  request: FastifyRequest,
  reply: FastifyReply,
  sending: Sending,
): Promise<FastifyReply> => {
  const { answer, type, cache } = sending;
  const encoder = ENCODERS[type](answer.columns, answer.timezone);
  const key = answer.cacheKey === undefined ? undefined : `${type}\n${answer.timezone}\n${answer.cacheKey}`;
  reply.header('vary', 'accept, authorization').header('cache-control', 'private, no-cache');
  if (key !== undefined) {
    const etag = `W/"${createHash('sha256').update(key).digest('base64url').slice(0, 27)}"`;
    reply.header('etag', etag);
    if (matches(request.headers['if-none-match'], etag)) {
      await answer.rows.cancel();
      return reply.code(304).send();
    }
  }
  reply.type(encoder.type);
  const known = key === undefined ? undefined : cache.get(key);
  if (known) {
    // The rows are read, not encoded: limits, audit and provenance are those of every other answer.
    for await (const _batch of answer.rows);
    return send(reply, type, encoder, known, answer.provenance());
  }

  const pieces = piecesOf(sending, encoder);
  const held: Buffer[] = [];
  let size = 0;
  for (let next = await pieces.next(); ; next = await pieces.next()) {
    if (next.done) {
      const bytes = Buffer.concat(held, size);
      if (key !== undefined) cache.set(key, bytes);
      return send(reply, type, encoder, bytes, answer.provenance());
    }
    held.push(next.value);
    size += next.value.length;
    if (size > HELD[type]) break;
  }
  if (type !== 'application/json') describe(reply, answer.provenance());
  return reply.send(Readable.from(rest(request, sending, encoder, held, pieces), { objectMode: false }));
};

const send = (reply: FastifyReply, type: AnswerType, encoder: Encoder, bytes: Buffer, provenance: Provenance) => {
  if (type !== 'application/json') describe(reply, provenance);
  const tail = encoder.tail(provenance);
  return reply.send(tail.length === 0 ? bytes : Buffer.concat([bytes, Buffer.from(tail)]));
};

/** Head and rows as bytes, a bounded piece at a time. Stops the engine when nobody wants more. */
async function* piecesOf({ answer, rows: most }: Sending, encoder: Encoder): AsyncGenerator<Buffer, void> {
  let rows = 0;
  let whole = false;
  try {
    yield Buffer.from(encoder.head);
    for await (const batch of answer.rows) {
      rows += batch.length;
      if (most !== undefined && rows > most) throw error('budget-exceeded', { budget: 'rows', limit: String(most) });
      for (let from = 0; from < batch.length; from += ROWS_AT_ONCE)
        yield Buffer.from(encoder.rows(batch, from, Math.min(from + ROWS_AT_ONCE, batch.length)));
    }
    whole = true;
  } finally {
    if (!whole) await answer.rows.cancel();
  }
}

/** What was held back, then the rest. An error here ends the connection without the last chunk: a cut answer is seen to be cut. */
async function* rest(
  request: FastifyRequest,
  { answer, emit }: Sending,
  encoder: Encoder,
  held: readonly Buffer[],
  pieces: AsyncGenerator<Buffer, void>,
): AsyncGenerator<Buffer, void> {
  try {
    yield* held;
    yield* pieces;
    const tail = encoder.tail(answer.provenance());
    if (tail.length > 0) yield Buffer.from(tail);
  } catch (thrown) {
    const failure = toAssayError(thrown, request.id);
    if (failure.status >= 500)
      emit('request.failed', { surface: 'rest', code: failure.code, requestId: request.id, error: failure });
    throw thrown;
  } finally {
    await pieces.return();
  }
}

/** Formats without a place for provenance carry it in a header, in ASCII; parts that could be long are left to JSON and `explain`. */
const describe = (reply: FastifyReply, { rollups, timings: _timings, ...provenance }: Provenance): void => {
  const text = JSON.stringify({ ...provenance, rollups: rollups.slice(0, 10) });
  reply.header(
    'assay-provenance',
    text.replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );
};

/** Whether a client's entity tags name this one (RFC 9110, section 13.1.2: weak comparison). */
export const matches = (header: string | undefined, etag: string): boolean => {
  if (header === undefined) return false;
  const opaque = (tag: string) => tag.trim().replace(/^W\//, '');
  return header.trim() === '*' || header.split(',').some((tag) => opaque(tag) === opaque(etag));
};
