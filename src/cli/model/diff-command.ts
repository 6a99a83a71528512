import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { parse } from 'yaml';
import type { Ask } from '../../answer/run/index.js';
import { AssayError, error } from '../../errors/index.js';
import { loadModel } from '../../model/cube/index.js';
import { localCaller, type MetricQuery } from '../../query/index.js';
import { besideServer, type Context, withApp } from '../context.js';
import { readRun } from '../home.js';
import { plainAnswer } from '../plain-answer.js';
import { type Change, diffModels } from './diff.js';
import { withModelAt } from './revision.js';
import { testFiles } from './run-tests.js';
import { readModelTests } from './test-file.js';

/** What a saved query gives under the one model and the other. */
interface Drift {
  readonly query: string;
  readonly before: string;
  readonly after: string;
}

/** Saved queries: a list, each a query or {name, query}. */
const savedQueries = async (path: string): Promise<ReadonlyMap<string, MetricQuery>> => {
  const given: unknown = parse(await readFile(path, 'utf8'));
  if (!Array.isArray(given)) throw error('usage', { text: `${path} holds no list of queries` });
  return new Map(
    given.map((one: { name?: string; query?: MetricQuery } & MetricQuery, i) => [
      one.name ?? `${path} ${i + 1}`,
      one.query ?? one,
    ]),
  );
};

/** An answer in one line, or why there is none: what is compared. */
const answered = async (ask: Ask, title: string, query: MetricQuery): Promise<readonly string[]> => {
  try {
    const { columns, rows } = await plainAnswer(
      await ask.query({ ...query, source: 'raw' }, localCaller(['admin']), { surface: 'cli', requestId: title }),
    );
    return [columns.map((c) => `${c.name} ${c.type}`).join(', '), ...rows.map((row) => JSON.stringify(row))];
  } catch (thrown) {
    if (thrown instanceof AssayError && thrown.code !== 'internal') return [`${thrown.code}: ${thrown.message}`];
    throw thrown;
  }
};

const drifts = async (
  queries: ReadonlyMap<string, MetricQuery>,
  before: Ask,
  after: Ask,
): Promise<readonly Drift[]> => {
  const found: Drift[] = [];
  for (const [title, query] of queries) {
    const [a, b] = [await answered(before, title, query), await answered(after, title, query)];
    const at = [...Array(Math.max(a.length, b.length)).keys()].find((i) => a[i] !== b[i]);
    if (at !== undefined) found.push({ query: title, before: a[at] ?? 'no more rows', after: b[at] ?? 'no more rows' });
  }
  return found;
};

const SIGN = { added: '+', removed: '-', changed: '~' } as const;
const lines = (changes: readonly Change[]): string =>
  changes
    .map(({ change, kind, name, effect, what, dependents, place }) => {
      const told = [effect === 'none' ? '' : effect.toUpperCase(), what.join('; ')].filter((t) => t !== '').join(': ');
      const used = dependents.length > 0 ? `\n    read by ${dependents.join(', ')}` : '';
      return `${SIGN[change]} ${kind} ${name}${told === '' ? '' : `  ${told}`}  (${place.file}:${place.line})${used}\n`;
    })
    .join('');

const diff = async (c: Context, from: string, to: string | undefined, queriesFile: string | undefined) => {
  const { model: folder } = besideServer(c.config, readRun(c.home));
  const load = (at: string) => withModelAt(at, folder, loadModel);
  const [a, b] = [await load(from), await load(to ?? folder)];
  const queries = new Map(queriesFile === undefined ? [] : await savedQueries(queriesFile));
  const tests = join(folder, 'tests');
  const saved = new Map(queries);
  if (existsSync(tests))
    for (const [path, name] of await testFiles([tests]))
      for (const { name: title, query } of (await readModelTests(path, name)).tests)
        saved.set(`${name} ${title}`, query);
  const changes = diffModels(a, b, saved);
  const drift =
    queries.size === 0 ? [] : await withApp(c, (app) => drifts(queries, app.askOf(a), app.askOf(b)), undefined, b);
  const breaking = changes.filter((change) => change.effect === 'breaking').length;
  if (breaking > 0) process.exitCode = 1;
  if (c.json) return c.out(`${JSON.stringify({ breaking, changes, drift })}\n`);
  c.out(lines(changes));
  for (const { query, before, after } of drift) c.out(`! ${query}\n    before ${before}\n    after  ${after}\n`);
  c.out(
    `${changes.length} changes, ${breaking} breaking${queries.size > 0 ? `; ${drift.length} of ${queries.size} queries give other rows` : ''}\n`,
  );
};

/** `assay model diff`. */
export const diffCommand = (
  command: (name: string, description: string) => Command,
  context: (flags: { json?: boolean }) => Context,
): void => {
  command('diff', 'what another model changes, what breaks, and who depends on it; exit code 1 when something breaks')
    .argument('<from>', 'folder of a model, or a git revision')
    .argument('[to]', 'the same (default: the model in use)')
    .option('--queries <file>', 'ask these of both models over the published tables: a YAML or JSON list of queries')
    .action((from: string, to: string | undefined, flags: { json?: boolean; queries?: string }) =>
      diff(context(flags), from, to, flags.queries),
    );
};
