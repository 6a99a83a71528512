import type { Command } from 'commander';
import type { App } from '../app.js';
import {
  type Pointed,
  PRODUCTION,
  planStatus,
  planText,
  type RunResult,
  readPins,
  type Span,
} from '../build/transform/index.js';
import { error, toAssayError } from '../errors/index.js';
import type { Telemetry } from '../telemetry/index.js';
import { type Context, withApp } from './context.js';
import { interruptible } from './interrupt.js';
import { followRun } from './progress.js';
import type { Tables } from './tables.js';
import { watch } from './watch.js';

/** Exit codes of commands on tables: 0 done or nothing to do, 1 blocked or failed, 2 changes to apply, 3 partial. */
const EXIT = { none: 0, changes: 2, blocked: 1, published: 0, unchanged: 0, partial: 3, refused: 1 } as const;

const line = (c: Context, of: object): void => c.out(`${JSON.stringify(of)}\n`);

/** How a run ended, and the exact commands that try again what it could not make. */
const tellRun = (c: Context, result: RunResult): void => {
  process.exitCode = EXIT[result.status];
  const retry = [...new Set(result.unmade.map((one) => one.retry))];
  const [first] = result.unmade;
  if (c.json) {
    line(c, { event: 'end', ...result, retry, ...(first ? { message: `${first.model}: ${first.reason}` } : {}) });
    return;
  }
  c.out(
    result.status === 'unchanged'
      ? `nothing to do; revision ${result.revision} stands\n`
      : `${result.status}: revision ${result.revision}; changed: ${result.changed.join(', ') || 'nothing'}\n`,
  );
  for (const { model, partition, status, reason } of result.unmade)
    c.note(`${status} ${model}${partition === '*' ? '' : ` ${partition}`}: ${reason}`);
  for (const command of retry) c.note(`try again: ${command}`);
};

/** With --json a run that threw ends with an `end`, too: who reads the lines need look for nothing else. */
const tellThrown = (c: Context, thrown: unknown): void => {
  const { code, message, hint, exit } = toAssayError(thrown);
  if (!c.json || code === 'internal') throw thrown;
  const status = code === 'cancelled' ? 'cancelled' : code === 'plan-blocked' ? 'blocked' : 'failed';
  line(c, { event: 'end', status, code, message, hint: hint ?? null, retry: [] });
  process.exitCode = exit;
};

const tellPointed = (c: Context, { environment, revision, changed }: Pointed): void =>
  c.json
    ? line(c, {
        event: 'end',
        status: changed.length === 0 ? 'unchanged' : 'published',
        environment,
        revision,
        changed,
      })
    : c.out(
        changed.length === 0
          ? `${environment} has these tables already; revision ${revision} stands\n`
          : `${environment} is at revision ${revision}; changed: ${changed.join(', ')}\n`,
      );

/** Runs work on tables with its progress on the terminal, or as JSON lines. `signal` ends it between two statements. */
const onTables = (c: Context, work: (app: App) => Promise<RunResult>, signal?: AbortSignal): Promise<void> =>
  withApp(
    c,
    async (app: App, telemetry: Telemetry) => {
      const end = followRun(c, telemetry);
      try {
        tellRun(c, await work(app));
      } finally {
        end();
      }
    },
    signal,
  ).catch((thrown: unknown) => tellThrown(c, thrown));

const interruptibly = (c: Context, work: (app: App) => Promise<RunResult>): Promise<void> =>
  interruptible((signal) => onTables(c, work, signal));

type Flags = { json?: boolean; env: string };

/** A list as it is typed: `a,b`. */
const listOf = (text: string | undefined): string[] =>
  (text ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');

const KEY = /^\d{4}(-\d{2}(-\d{2}(T\d{2})?)?)?$/;
const keyOf = (flag: string, text: string | undefined): string | undefined => {
  if (text !== undefined && !KEY.test(text))
    throw error('usage', { text: `${flag} wants a partition such as 2010-12-01 or 2010-12, not ${text}` });
  return text;
};

const ENGINE = '--engine <pins...>';
const ENGINE_TEXT = 'make tables on an engine, such as gold.*=spark (also several)';

/** The tables with the engines that were asked for by hand. */
const onEngines = (app: App, pins: readonly string[] | undefined): Tables =>
  pins === undefined ? app.tables : app.tables.on(readPins(pins.flatMap(listOf)));

/** The commands that plan, make, move and collect tables. */
export const tableCommands = (
  command: (name: string, description: string) => Command,
  context: (flags: { json?: boolean }) => Context,
): void => {
  const inEnvironment = (name: string, description: string) =>
    command(name, description).option('--env <name>', 'environment', PRODUCTION);

  inEnvironment(
    'plan',
    'what a change of files or data would do; nothing is changed (exit 0 nothing, 2 changes, 1 blocked)',
  )
    .option('--restate <tables>', 'tables to make again; a breaking change of these needs no new version')
    .option(ENGINE, ENGINE_TEXT)
    .option('--select <tables>', "these tables only, such as gold.sales,'gold.dim_*'; all others stay as they are")
    .option('--explain', 'with the reasons and the differences of every file')
    .action((flags: Flags & { restate?: string; select?: string; explain?: boolean; engine?: string[] }) => {
      const c = context(flags);
      return withApp(c, async (app) => {
        const made = await onEngines(app, flags.engine).plan({
          environment: flags.env,
          restate: new Map(listOf(flags.restate).map((id) => [id, undefined])),
          select: flags.select === undefined ? undefined : listOf(flags.select),
        });
        process.exitCode = EXIT[planStatus(made)];
        if (c.json) {
          const message = made.blocked.length > 0 ? { message: made.blocked.join('; ') } : {};
          return line(c, { event: 'plan', status: planStatus(made), ...message, ...made });
        }
        c.out(planText(made, flags.explain === true));
      });
    });

  command('apply', 'do what a plan says, if files and environment are as it saw them')
    .argument('<plan>', 'id that `assay plan` printed')
    .action((plan: string, flags: { json?: boolean }) =>
      interruptibly(context(flags), (app) => app.tables.apply(plan)),
    );

  inEnvironment('run', 'make whatever is missing: for schedulers (exit 0 done, 1 failed, 3 partial)')
    .option(ENGINE, ENGINE_TEXT)
    .option('--watch [seconds]', 'again and again, after this many seconds (60)')
    .action(async (flags: Flags & { watch?: string | true; engine?: string[] }) => {
      const c = context(flags);
      const work = (app: App) => onEngines(app, flags.engine).run(flags.env);
      if (flags.watch === undefined) return interruptibly(c, work);
      const seconds = flags.watch === true ? 60 : Number(flags.watch);
      if (!Number.isInteger(seconds) || seconds < 1) throw error('usage', { text: '--watch wants whole seconds' });
      await watch(c, seconds, (signal) => onTables(c, work, signal));
    });

  inEnvironment('restate', 'make partitions of a table again, and whatever their new rows touch')
    .argument('<table>', 'such as gold.fact_sales')
    .option('--start <partition>', 'first, such as 2010-12-01')
    .option('--end <partition>', 'the one after the last')
    .option(ENGINE, ENGINE_TEXT)
    .action((table: string, flags: Flags & { start?: string; end?: string; engine?: string[] }) => {
      const span: Span = { start: keyOf('--start', flags.start), end: keyOf('--end', flags.end) };
      return interruptibly(context(flags), (app) => onEngines(app, flags.engine).restate(flags.env, table, span));
    });

  command('promote', 'give one environment the tables of another: pointers move, nothing is copied')
    .argument('<from>')
    .argument('<to>')
    .option('--restate <tables>', 'tables whose breaking change is wanted without a new version')
    .action((from: string, to: string, flags: { json?: boolean; restate?: string }) => {
      const c = context(flags);
      return withApp(c, async (app) => tellPointed(c, await app.tables.promote(from, to, listOf(flags.restate))));
    });

  command('rollback', 'go back to what readers of an environment saw before, code and rows')
    .argument('<environment>')
    .argument('[revision]', 'default: the one before this')
    .action((environment: string, revision: string | undefined, flags: { json?: boolean }) => {
      const c = context(flags);
      if (revision !== undefined && !/^\d{1,15}$/.test(revision))
        throw error('usage', { text: `a revision is a whole number, not ${revision}` });
      const to = revision === undefined ? undefined : Number(revision);
      return withApp(c, async (app) => tellPointed(c, await app.tables.rollback(environment, to)));
    });

  command('drop', 'remove an environment beside production; its tables go with the next gc')
    .argument('<environment>')
    .action((environment: string, flags: { json?: boolean }) => {
      const c = context(flags);
      return withApp(c, async (app) => {
        const { changed } = await app.tables.drop(environment);
        if (c.json) return line(c, { environment, names: changed });
        c.out(`${environment} is gone, with its names of ${changed.length} tables\n`);
      });
    });

  command('gc', 'remove tables and files that no kept revision points at').action((flags: { json?: boolean }) => {
    const c = context(flags);
    return withApp(c, async (app) => {
      const { dropped, kept, files } = await app.tables.collect();
      if (c.json) return line(c, { dropped, kept, files });
      c.out(`${dropped.length} tables and ${files} files went\n`);
      for (const why of kept) c.note(`stays: ${why}`);
    });
  });

  command('test', 'run the tests of transforms/tests')
    .argument('[select]', 'part of the name of a table or test')
    .action((select: string | undefined, flags: { json?: boolean }) => {
      const c = context(flags);
      return withApp(c, async (app) => {
        const results = await app.tables.test(select);
        const failed = results.filter(({ status }) => status === 'fail');
        if (failed.length > 0 || results.length === 0) process.exitCode = 1;
        if (c.json) for (const result of results) line(c, result);
        else {
          for (const { model, test, engine, status, message, file, line: at, milliseconds } of results)
            c.out(
              `${status}  ${model} ${test} on ${engine} (${milliseconds} ms)${message ? `\n      ${file}:${at}: ${message}` : ''}\n`,
            );
          c.out(`${results.length - failed.length} of ${results.length} passed\n`);
        }
      });
    });
};
