import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { propose, type QuestionAnswer, type SearchAnswer } from '../answer/search/index.js';
import { error } from '../errors/index.js';
import { localCaller, type MetricQuery } from '../query/index.js';
import { proposeServer, searchServer } from './client.js';
import { type Context, withApp } from './context.js';
import { readRun } from './home.js';
import { table } from './print.js';
import { evaluate } from './search-eval.js';

interface FindFlags {
  readonly json?: boolean;
  readonly role: string;
  readonly kind?: string;
  readonly limit?: string;
  readonly similar?: boolean;
}

const kindOf = (text: string | undefined): 'member' | 'value' | undefined => {
  if (text === undefined || text === 'member' || text === 'value') return text;
  throw error('usage', { text: `--kind is member or value, not ${text}` });
};

/** `assay search WORDS`, `assay search eval` and `assay ask QUESTION`. */
export const searchCommands = (
  command: (name: string, description: string) => Command,
  context: (flags: { json?: boolean }) => Context,
  tokenFor: (c: Context, role: string) => Promise<string>,
): void => {
  const search = command('search', 'find members and values by words and by meaning');
  search
    .command('find', { isDefault: true })
    .argument('<words...>', 'what to look for')
    .option('--kind <kind>', 'member or value (default: members, then values)')
    .option('--limit <n>', 'hits', '10')
    .option('--similar', 'values by meaning, too')
    .option('--role <role>', 'ask as this role', 'admin')
    .option('--json', 'print JSON')
    .action(async (words: string[], flags: FindFlags) => {
      const c = context(flags);
      const kind = kindOf(flags.kind);
      if (!/^[1-9]\d{0,2}$/.test(flags.limit ?? ''))
        throw error('usage', { text: `--limit wants a number from 1 to 999, not ${flags.limit}` });
      const request = {
        q: words.join(' '),
        limit: Number(flags.limit),
        ...(kind === undefined ? {} : { kind }),
        ...(flags.similar ? { similar: true } : {}),
      };
      const run = readRun(c.home);
      const answer = run
        ? await searchServer(run, await tokenFor(c, flags.role), request)
        : await withApp(c, (app) => {
            const caller = localCaller([flags.role]);
            const model = { catalogue: app.model().catalogue, sees: app.access(caller) };
            return app.search.find(request, model, { caller, surface: 'cli', requestId: randomUUID() });
          });
      if (c.json) return c.out(`${JSON.stringify(answer)}\n`);
      c.out(shown(answer));
    });

  search
    .command('eval')
    .description('ask the shipped questions and hold the answers against the gates (exit 1 when one is missed)')
    .option('--tune', 'find the best weights on the half that is not held out')
    .option('--json', 'print JSON')
    .action(async (flags: { json?: boolean; tune?: boolean }) => evaluate(context(flags), flags.tune === true));

  command('ask', 'read a question and give the metric queries that it may mean')
    .argument('<words...>', 'a question in English')
    .option('--today <day>', 'YYYY-MM-DD that "last month" is counted from (default: today, UTC)')
    .option('--role <role>', 'ask as this role', 'admin')
    .action(async (words: string[], flags: { today?: string; role: string; json?: boolean }) => {
      const c = context(flags);
      const request = { q: words.join(' '), ...(flags.today === undefined ? {} : { today: flags.today }) };
      const run = readRun(c.home);
      const answer = run
        ? await proposeServer(run, await tokenFor(c, flags.role), request)
        : await withApp(c, (app) => {
            const caller = localCaller([flags.role]);
            const model = { catalogue: app.model().catalogue, sees: app.access(caller) };
            const asking = { caller, surface: 'cli' as const, requestId: randomUUID() };
            const plan = (query: MetricQuery) => app.ask.explain(query, caller, { ...asking, surface: 'search' });
            return propose(request, app.search, plan, model, asking);
          });
      c.out(c.json ? `${JSON.stringify(answer)}\n` : proposed(answer));
      if (answer.proposals.length === 0) process.exitCode = 1;
    });
};

/** Each query on a line of its own, as `assay query` takes it, with how it was read. */
const proposed = ({ proposals, refusal }: QuestionAnswer): string =>
  proposals.length === 0
    ? `no query: ${refusal ?? 'nothing in the question is known'}\n`
    : proposals.map(({ query, reasons }) => `${JSON.stringify(query)}\n  ${reasons.join('; ')}\n`).join('');

const shown = (answer: SearchAnswer): string => {
  const rows = answer.hits.map((h) => [
    h.kind === 'value' ? `${h.name} = ${h.value}` : h.name,
    h.kind,
    h.title,
    h.why.join('; '),
  ]);
  const { why } = answer.provenance;
  return `${table(['name', 'kind', 'title', 'why'], rows)}${answer.total} found${why === undefined ? '' : ` (${why})`}\n`;
};
