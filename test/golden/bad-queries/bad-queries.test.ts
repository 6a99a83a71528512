import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { planQuery } from '../../../src/answer/plan/index.js';
import { queryOf } from '../../../src/cli/options.js';
import { AssayError } from '../../../src/errors/index.js';
import { type LoadedModel, loadModel } from '../../../src/model/cube/index.js';
import { accessOf } from '../../../src/model/policy/index.js';
import { localCaller, type MetricQuery } from '../../../src/query/index.js';
import { decodeQuery } from '../../../src/serve/rest/decode.js';
import { BAD_FLAGS, BAD_QUERIES } from './cases.js';

let model: LoadedModel;
beforeAll(async () => {
  model = await loadModel(resolve(import.meta.dirname, '../../../model'));
});

const nothing = { revision: 1, tables: new Map() };
const plan = (query: MetricQuery) =>
  planQuery(
    query,
    { ...model, access: accessOf(model.catalogue, localCaller(['admin'])) },
    { publication: nothing, inventory: { states: new Map() }, layout: () => undefined },
    { raw: 'postgres', unavailable: new Set() },
  );

const timings: { what: string; milliseconds: number }[] = [];
/** The error that a query ends in; undefined when it was planned. */
const refusal = (what: string, work: () => unknown): unknown => {
  const began = performance.now();
  try {
    work();
    return undefined;
  } catch (thrown) {
    return thrown;
  } finally {
    timings.push({ what, milliseconds: performance.now() - began });
  }
};
/** What is wrong with a refusal; undefined when it is a caller's, with a code, a place and a short text. */
const wrong = (what: string, thrown: unknown): string | undefined => {
  if (thrown === undefined) return `${what}: was planned`;
  if (!(thrown instanceof AssayError)) return `${what}: ${String(thrown)}`;
  if (thrown.blame !== 'caller' || thrown.status < 400 || thrown.status >= 500) return `${what}: ${thrown.code}`;
  return thrown.message.length < 2_000 ? undefined : `${what}: a message of ${thrown.message.length} characters`;
};

describe('bad queries', () => {
  it('are at least two hundred, each another one', () => {
    expect(BAD_QUERIES.length).toBeGreaterThanOrEqual(200);
    expect(new Set(BAD_QUERIES.map((q) => q.what)).size).toBe(BAD_QUERIES.length);
  });
  it('in JSON are refused by an error of the catalogue that blames the caller', () => {
    const found = BAD_QUERIES.flatMap(({ what, body }) => {
      const json: unknown = JSON.parse(JSON.stringify(body));
      return (
        wrong(
          what,
          refusal(what, () => plan(decodeQuery(json).query)),
        ) ?? []
      );
    });
    expect(found).toEqual([]);
    const slowest = timings.toSorted((a, b) => b.milliseconds - a.milliseconds).slice(0, 5);
    console.info(slowest.map((t) => `${t.milliseconds.toFixed(1)} ms: ${t.what}`).join('\n'));
  });
  it('that no wire has looked at are refused as well', () => {
    // the command line and tests of models hand over whatever JSON they were given
    const found = BAD_QUERIES.filter(
      ({ body }) => typeof body === 'object' && body !== null && !Array.isArray(body),
    ).flatMap(({ what, body }) => {
      const thrown = refusal(what, () => plan(body as MetricQuery));
      return thrown === undefined || thrown instanceof AssayError ? [] : `${what}: ${String(thrown)}`;
    });
    expect(found).toEqual([]);
  });
  it.each(BAD_FLAGS)('by flags are refused: %s %s %s %s', (...flags) => {
    const given: Record<string, string> = {};
    for (let i = 0; i < flags.length; i += 2) given[(flags[i] ?? '').slice(2)] = flags[i + 1] ?? '';
    expect(
      wrong(
        flags.join(' '),
        refusal(flags.join(' '), () => plan(queryOf(given))),
      ),
    ).toBeUndefined();
  });
});
