import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Command } from 'commander';
import {
  ABLATIONS,
  askAll,
  type EvaluationSet,
  embeddedBackend,
  GATES,
  type Measured,
  measure,
  memberDocument,
  missedGates,
  readEvaluation,
  readRelatedWords,
  type SearchAnswer,
  tune,
} from '../answer/search/index.js';
import { error } from '../errors/index.js';
import { loadModel } from '../model/cube/index.js';
import { localCaller } from '../query/index.js';
import { searchServer } from './client.js';
import { type Context, withApp } from './context.js';
import { readRun } from './home.js';
import { openVectors, relatedWordsFile } from './open-search.js';
import { table } from './print.js';

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

/** `assay search WORDS` and `assay search eval`. */
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
};

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

const FILES = ['retail', 'saas', 'logistics'];

const evaluate = async (c: Context, tuning: boolean): Promise<void> => {
  const { catalogue } = await loadModel(join(c.root, 'model'));
  const members = [...catalogue.members.values()].filter((m) => m.public && catalogue.owners.get(m.owner)?.public);
  const sets = FILES.map((name): EvaluationSet & { documents: readonly ReturnType<typeof memberDocument>[] } => {
    const set = readEvaluation(join(c.root, 'data', 'search', `${name}.yml`));
    return { ...set, documents: set.documents ?? members.map((m) => memberDocument(m, catalogue)) };
  });
  const { vectors, why } = openVectors(c.config, undefined);
  try {
    const asked = await askAll(sets, embeddedBackend, vectors, readRelatedWords(relatedWordsFile(c.root)));
    const weights = tuning ? tune(asked) : undefined;
    const rows: [string, Measured][] = [
      ...Object.entries(ABLATIONS).map(([name, of]): [string, Measured] => [name, measure(asked, of(weights))]),
      [
        '  the half that weights were set on',
        measure(
          asked.filter((a) => !a.question.heldOut),
          weights,
        ),
      ],
      [
        '  the half that was held out',
        measure(
          asked.filter((a) => a.question.heldOut),
          weights,
        ),
      ],
    ];
    const missed = missedGates(measure(asked, weights));
    if (c.json)
      c.out(
        `${JSON.stringify({ embedder: vectors?.id ?? null, ...(weights ? { weights } : {}), measured: Object.fromEntries(rows), gates: GATES, missed })}\n`,
      );
    else {
      if (weights) c.out(`best weights: ${JSON.stringify(weights)}\n`);
      c.out(table(HEAD, rows.map(cells)));
      c.out(`${asked.length} questions, embedder ${vectors?.id ?? `none: ${why}`}; intervals are Wilson's, 95 %\n`);
      for (const line of missed) c.out(`missed: ${line}\n`);
    }
    if (missed.length > 0) process.exitCode = 1;
  } finally {
    await vectors?.close();
  }
};

const HEAD = ['signals', 'R@1', 'R@5', '95 %', 'R@10', 'nDCG@10', 'exact R@1', 'paraphrase R@10'];
const cells = ([name, m]: readonly [string, Measured]): string[] => [
  name,
  m.r1.share.toFixed(3),
  m.r5.share.toFixed(3),
  `${m.r5.low.toFixed(2)} to ${m.r5.high.toFixed(2)}`,
  m.r10.share.toFixed(3),
  m.ndcg10.toFixed(3),
  m.exactR1.share.toFixed(3),
  m.paraphraseR10.share.toFixed(3),
];
