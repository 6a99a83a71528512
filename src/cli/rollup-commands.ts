import type { Command } from 'commander';
import type { App } from '../app.js';
import type { RollupBuildResult, RollupProof } from '../build/rollup/index.js';
import { error } from '../errors/index.js';
import type { Telemetry } from '../telemetry/index.js';
import { type Context, withApp } from './context.js';
import { interruptible } from './interrupt.js';
import { size, table } from './print.js';
import { bar } from './progress.js';
import { watch } from './watch.js';

type Flags = { json?: boolean };

const line = (c: Context, of: object): void => c.out(`${JSON.stringify(of)}\n`);

/** Ids as they are typed; errors name what the model has. Undefined: all of them. */
const chosen = (app: App, ids: readonly string[]): { readonly only?: readonly string[] } => {
  if (ids.length === 0) return {};
  const known = app.model().catalogue.rollups.map((r) => r.id);
  const wrong = ids.find((id) => !known.includes(id));
  if (wrong !== undefined)
    throw error('usage', { text: `there is no rollup ${wrong}; the model has ${known.join(', ') || 'none'}` });
  return { only: ids };
};

/** Shows how far builds of rollups are: a bar on a terminal, JSON lines with --json. Gives the way to stop. */
const followRollups = (c: Context, telemetry: Telemetry): (() => void) => {
  const terminal = process.stderr.isTTY === true && !c.json;
  const end = telemetry.subscribe('rollup.building', (e) => {
    if (c.json) line(c, { event: 'progress', ...e });
    else if (terminal) process.stderr.write(`\r\u001b[K${bar(e.done, e.of)} ${e.step} ${e.rollup}`);
  });
  return () => {
    if (terminal) process.stderr.write('\r\u001b[K');
    end();
  };
};

const BAD = new Set(['refused', 'failed', 'unequal', 'damaged']);
/** Exit codes: 0 all is well, 1 refused, unequal or failed, 3 done in part (busy, stale, missing). */
const exitOf = (outcomes: readonly string[]): number =>
  outcomes.some((o) => BAD.has(o)) ? 1 : outcomes.some((o) => ['busy', 'stale', 'missing'].includes(o)) ? 3 : 0;

const plainBuild = ({ error: thrown, ...r }: RollupBuildResult | RollupProof) => ({
  ...r,
  ...(thrown ? { code: thrown.code, message: thrown.message } : {}),
});

const buildText = (r: RollupBuildResult): string =>
  `${r.outcome}  ${r.rollup}${
    r.outcome === 'built'
      ? `: ${r.made === undefined ? 'all partitions' : `${r.made.length} of ${new Set([...r.made, ...r.kept, ...r.changed]).size} partitions`} made, ${r.changed.length} changed, ${r.rows} rows, ${size(r.bytes)}, ${r.milliseconds} ms`
      : r.reason || r.error
        ? `: ${r.reason ?? r.error?.message}`
        : ''
  }\n`;

const build = (c: Context, ids: readonly string[], anew: boolean, signal: AbortSignal): Promise<void> =>
  withApp(
    c,
    async (app, telemetry) => {
      const end = followRollups(c, telemetry);
      const results = await app.rollups.build({ ...chosen(app, ids), anew, signal }).finally(end);
      process.exitCode = exitOf(results.map((r) => r.outcome));
      if (c.json) line(c, { event: 'end', results: results.map(plainBuild) });
      else for (const r of results) c.out(buildText(r));
    },
    signal,
  );

const list = (c: Context): Promise<void> =>
  withApp(c, async (app) => {
    const rollups = await app.rollups.status();
    process.exitCode = rollups.some((r) => r.state === 'refused') ? 1 : 0;
    if (c.json) return line(c, { rollups });
    if (rollups.length === 0) return c.out('the model has no rollups\n');
    c.out(
      table(
        ['rollup', 'state', 'partitions', 'rows', 'size', 'revision', 'built'],
        rollups.map((r) => [r.rollup, r.state, r.partitions.length, r.rows, size(r.bytes), r.revision, r.builtAt]),
        [false, false, true, true, true, true],
      ),
    );
    for (const { rollup, refused } of rollups)
      if (refused) c.note(`${rollup} ${refused.partition} was refused at ${refused.at}: ${refused.reason}`);
  });

const proved = (c: Context, ids: readonly string[], signal: AbortSignal): Promise<void> =>
  withApp(
    c,
    async (app) => {
      const results = await app.rollups.prove({ ...chosen(app, ids), signal });
      process.exitCode = exitOf(results.map((r) => r.outcome));
      if (c.json) return line(c, { results: results.map(plainBuild) });
      for (const r of results)
        c.out(
          `${r.outcome}  ${r.rollup}${r.partition === undefined ? '' : ` ${r.partition}`}: ${r.reason ?? r.proof ?? r.error?.message ?? 'nothing is published'}\n`,
        );
    },
    signal,
  );

/** `assay rollups …`: what is published, making it, proving it again, removing what nobody wants. */
export const rollupCommands = (
  cli: Command,
  context: (flags: Flags) => Context,
  more: (command: (name: string, description: string) => Command) => void = () => {},
): void => {
  const group = cli.command('rollups').description('rollups: what is published, builds, proofs, reasons, proposals');
  const thrown = (e: Error): never => {
    throw e;
  };
  group.exitOverride(thrown);
  const command = (name: string, description: string): Command =>
    group
      .command(name)
      .description(description)
      .allowExcessArguments(false)
      .option('--json', 'print JSON')
      .exitOverride(thrown);

  command('ls', 'every rollup of the model: state, partitions, rows, size (exit 1 when one was refused)').action(
    (flags: Flags) => list(context(flags)),
  );
  command('build', 'bring rollups to the present data (exit 0 done, 1 refused or failed, 3 another builder is at it)')
    .argument('[rollups...]', 'such as sales.by_category; default: all')
    .option('--full', 'make every partition again, whatever is published')
    .action((ids: string[], flags: Flags & { full?: boolean }) =>
      interruptible((signal) => build(context(flags), ids, flags.full === true, signal)),
    );
  command(
    'prove',
    'compare what is published with raw again (exit 0 proven, 1 not equal or damaged, 3 stale or missing)',
  )
    .argument('[rollups...]', 'such as sales.by_category; default: all')
    .action((ids: string[], flags: Flags) => interruptible((signal) => proved(context(flags), ids, signal)));
  command('gc', 'remove versions that nobody published and rollups that the model no longer has').action(
    (flags: Flags) => {
      const c = context(flags);
      return withApp(c, async (app) => {
        const removed = await app.rollups.sweep();
        if (c.json) line(c, { removed });
        else c.out(`${removed} keys went\n`);
      });
    },
  );
  command('watch', 'build, again and again')
    .argument('[seconds]', 'pause between rounds', '60')
    .action((text: string, flags: Flags) => {
      const seconds = Number(text);
      if (!Number.isInteger(seconds) || seconds < 1)
        throw error('usage', { text: 'rollups watch wants whole seconds' });
      const c = context(flags);
      return watch(c, seconds, (signal) => build(c, [], false, signal));
    });
  more(command);
};
