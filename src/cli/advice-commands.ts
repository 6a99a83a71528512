import type { Command } from 'commander';
import { parse } from 'yaml';
import { readSpec } from '../answer/plan/index.js';
import { error } from '../errors/index.js';
import type { Candidate, Explanation, MetricQuery, MissReason, RollupSpec } from '../query/index.js';
import { type Context, withApp } from './context.js';
import { interruptible } from './interrupt.js';
import { givenQuery, type QueryFlags, withQueryFlags } from './options.js';
import { size } from './print.js';
import { type RollupAdvice, specYaml } from './rollup-advice.js';

/** What mends each miss. */
const WAYS: Readonly<Record<MissReason, string>> = {
  'member-missing': 'add it to the rollup, or ask without it',
  'granularity-too-coarse': 'make the rollup by a finer granularity, or ask by a coarser one',
  'filter-not-covered': 'keep what the condition reads as a dimension of the rollup',
  'policy-filter-not-covered': 'keep what the row rule of this role reads as a dimension of the rollup',
  'not-additive-at-this-grain': 'keep the key that is counted as a dimension, or ask at the rollup’s own grain',
  'time-zone-differs': 'ask in UTC, or make a rollup by the hour and ask by the hour',
  'range-not-covered': 'cut the range where the rollup’s buckets begin, or make it by a finer granularity',
  'partition-not-built': 'run `assay rollups build`',
  'stale-not-allowed': 'run `assay rollups build`, or ask with fresh published',
  'proof-failed': 'find out why rollup and raw differ: `assay rollups ls` has the difference',
};

const wayOf = ({ verdict }: Candidate): string =>
  verdict === 'used' || verdict === 'not-needed' ? '' : `\n    ${WAYS[verdict]}`;

const told = (c: Candidate): string => {
  const about = [c.part ? `for ${c.part}` : '', c.members.join(', '), c.detail ?? ''].filter((t) => t !== '');
  return `  ${c.rollup}: ${c.verdict}${about.length > 0 ? ` (${about.join('; ')})` : ''}${wayOf(c)}\n`;
};

const whyText = ({ source, candidates, hypothetical }: Explanation): string => {
  const head = source === 'rollup' ? 'a rollup serves it\n' : `no rollup serves it; it is read from ${source}\n`;
  const own = candidates.length > 0 ? candidates.map(told).join('') : '  its cube has no rollup\n';
  if (!hypothetical) return head + own;
  const would = `${hypothetical.rollup} would ${hypothetical.serves ? '' : 'not '}serve it, once it is built\n`;
  return head + own + would + hypothetical.candidates.map(told).join('');
};

const percent = (rate: number): string => `${(100 * rate).toFixed(1)} %`;

const adviceText = (advice: RollupAdvice): string => {
  if (advice.asked === 0)
    return 'no query was counted yet: servers of this home count what they are asked, for 14 days\n';
  const head = `${advice.asked} queries of ${advice.shapes} shapes; rollups served ${percent(advice.hitRate)} of them, and would serve ${percent(advice.hitRateBuilt)} if all of the model were built\n`;
  const all = advice.suggestions.map(
    (s, i) =>
      `\n${i + 1}. ${s.rollup}: serves ${s.adds} more, hit rate then ${percent(s.hitRate)}; ${s.rows} rows${s.of === undefined ? '' : ` of ${s.of}`}, ${size(s.bytes)}, made in ${s.milliseconds} ms, ${Math.round(s.milliseconds / Math.max(1, s.partitions))} ms for each of ${s.partitions} partitions\n   below pre_aggregations in ${s.file}:\n${specYaml(s.definition)}`,
  );
  const none = advice.suggestions.length === 0 ? '\nno rollup would serve more of them and be small\n' : '';
  const never = advice.unservable.map((u) => `  ${u.asked} x ${u.reason} (${u.members.join(', ')})\n`);
  return `${head}${all.join('')}${none}${never.length > 0 ? `\nno rollup can serve\n${never.join('')}` : ''}`;
};

const specGiven = (text: string): RollupSpec => {
  let given: unknown;
  try {
    given = parse(text);
  } catch (thrown) {
    throw error('usage', { text: `--with is neither JSON nor YAML: ${(thrown as Error).message.split('\n')[0]}` });
  }
  // as it stands in a file: a list of one
  return readSpec(Array.isArray(given) && given.length === 1 ? given[0] : given);
};

type Flags = { json?: boolean };
type Explain = (c: Context, query: MetricQuery, role: string, hypothetical?: RollupSpec) => Promise<Explanation>;

/** `assay rollups why` and `assay rollups suggest`. */
export const adviceCommands = (
  command: (name: string, description: string) => Command,
  context: (flags: Flags) => Context,
  explain: Explain,
): void => {
  type WhyFlags = QueryFlags & Flags & { role: string; with?: string };
  withQueryFlags(
    command(
      'why',
      'tell of each rollup why it serves a query or not, and what would mend it (exit 3 when none serves)',
    ),
  )
    .option('--with <definition>', 'try a rollup that is not in the model: JSON or YAML with cube, measures, …')
    .action(async (text: string | undefined, flags: WhyFlags) => {
      const c = context(flags);
      const hypothetical = flags.with === undefined ? undefined : specGiven(flags.with);
      const answer = await explain(c, givenQuery(text, flags), flags.role, hypothetical);
      process.exitCode = answer.source === 'rollup' ? 0 : 3;
      const { source, candidates } = answer;
      const plain = { source, candidates, ...(answer.hypothetical && { hypothetical: answer.hypothetical }) };
      c.out(c.json ? `${JSON.stringify(plain)}\n` : whyText(answer));
    });
  command('suggest', 'propose rollups for what was asked, with predicted hit rate, rows, bytes and cost')
    .option('--most <n>', 'how many', '3')
    .action((flags: Flags & { most: string }) =>
      interruptible(async (signal) => {
        if (!/^[1-9]\d?$/.test(flags.most)) throw error('usage', { text: '--most wants a number from 1 to 99' });
        const c = context(flags);
        await withApp(
          c,
          async (app) => {
            const advice = await app.rollups.suggest(Number(flags.most), signal);
            c.out(c.json ? `${JSON.stringify(advice)}\n` : adviceText(advice));
          },
          signal,
        );
      }),
    );
};
