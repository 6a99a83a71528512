import { join } from 'node:path';
import type { Command } from 'commander';
import { type AuditedCheck, PRODUCTION } from '../build/transform/index.js';
import { error } from '../errors/index.js';
import { timestampText } from '../query/index.js';
import { type Context, withApp } from './context.js';
import { writeWhole } from './home.js';
import { interruptible } from './interrupt.js';
import { lineage, tellLineage } from './lineage-command.js';
import { keyText, table } from './print.js';
import { followRun } from './progress.js';

const line = (c: Context, of: object): void => c.out(`${JSON.stringify(of)}\n`);

const limitOf = (text: string): number => {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw error('usage', { text: `--limit wants a whole number, not ${text}` });
  return Number(text);
};

/** A check as `assay audit --json` tells it. */
const tellChecks = (c: Context, checks: readonly AuditedCheck[]): void => {
  for (const { failed, evaluated, ...check } of checks)
    if (c.json) line(c, { event: 'check', ...check, failed: Number(failed), evaluated: Number(evaluated) });
    else if (!check.passed)
      c.out(
        `${check.severity}  ${check.model} ${check.check}: ${failed} of ${evaluated} failed${check.partitions.length === 0 ? '' : ` (${check.partitions.join(', ')})`}\n`,
      );
};

/** Keys that are printed of one record; with --json there are all that are kept. */
const MOST_KEYS = 10;
const shown = (keys: readonly string[]): string[] => [
  ...keys.slice(0, MOST_KEYS).map(keyText),
  ...(keys.length > MOST_KEYS ? [`and ${keys.length - MOST_KEYS} more with --json`] : []),
];

type Flags = { json?: boolean; env: string };

/** The commands that look at tables and change nothing that readers see. */
export const lookCommands = (
  command: (name: string, description: string) => Command,
  context: (flags: { json?: boolean }) => Context,
): void => {
  const inEnvironment = (name: string, description: string) =>
    command(name, description).option('--env <name>', 'environment', PRODUCTION);

  inEnvironment('audit', 'ask all checks of what is published (exit 1 when one that counts does not pass)')
    .argument('[select]', 'part of the name of a table')
    .action((select: string | undefined, flags: Flags) => {
      const c = context(flags);
      return interruptible((signal) =>
        withApp(
          c,
          async (app, telemetry) => {
            const end = followRun(c, telemetry);
            const audited = await app.tables.audit(flags.env, select, (checks) => tellChecks(c, checks)).finally(end);
            const { refused, checks, tables, runId } = audited;
            if (refused.length > 0) process.exitCode = 1;
            const status = refused.length > 0 ? 'refused' : 'passed';
            if (c.json) return line(c, { event: 'end', status, runId, tables, checks: checks.length, refused });
            const warned = checks.filter(({ passed }) => !passed).length;
            c.out(
              `${checks.length - warned} of ${checks.length} checks of ${tables} tables passed${refused.length > 0 ? `; not fit to be published: ${refused.join(', ')}` : ''}\n`,
            );
          },
          signal,
        ),
      );
    });

  inEnvironment('lineage', 'where a column or a member comes from, and what it goes into')
    .argument('<name>', 'such as gold.fact_sales.total_amount, gold.fact_sales or retail.net_revenue')
    .action((name: string, flags: Flags) => {
      const c = context(flags);
      return withApp(c, async (app) => tellLineage(c, await lineage(app, name, flags.env)));
    });

  inEnvironment('docs', 'contracts, lineage, checks and scores of all tables, as Markdown and JSON')
    .option('--out <dir>', 'folder to write them to (default: the index, or all as JSON, to standard output)')
    .action((flags: Flags & { out?: string }) => {
      const c = context(flags);
      return withApp(c, async (app) => {
        const { json, markdown } = await app.tables.docs(flags.env);
        if (flags.out === undefined) return c.json ? line(c, json) : c.out(markdown.get('index.md') ?? '');
        for (const [name, text] of markdown) writeWhole(join(flags.out, name), text);
        writeWhole(join(flags.out, 'docs.json'), `${JSON.stringify(json, null, 2)}\n`);
        const files = markdown.size + 1;
        if (c.json) line(c, { out: flags.out, files });
        else c.out(`${files} files in ${flags.out}; begin with ${join(flags.out, 'index.md')}\n`);
      });
    });

  command('environments', 'environments with their revisions, and where they differ from production').action(
    (flags: { json?: boolean }) => {
      const c = context(flags);
      return withApp(c, async (app) => {
        const looks = await app.tables.environments();
        if (c.json) return line(c, { environments: looks });
        c.out(
          table(
            ['environment', 'revision', 'tables', 'held', `differs from ${PRODUCTION} in`],
            looks.map(({ name, revision, tables, heldFrom, differs }) => [
              ...[name, revision, tables, heldFrom === undefined ? '' : `rolled back from ${heldFrom}`],
              differs.join(', '),
            ]),
            [false, true, true],
          ),
        );
      });
    },
  );

  command('runs', 'the last runs, with what they came to')
    .option('--env <name>', 'only those of an environment')
    .option('--limit <n>', 'how many', '20')
    .option('--steps', 'with what each published, and why on which engine')
    .action((flags: { json?: boolean; env?: string; limit: string; steps?: boolean }) => {
      const c = context(flags);
      const limit = limitOf(flags.limit);
      return withApp(c, async (app) => {
        const told = await app.tables.runs(limit, flags.env);
        const routes = await app.tables.routes(told.map(({ runId }) => runId));
        const stepsOf = (id: string) => routes.flatMap(({ runId, ...step }) => (runId === id ? [step] : []));
        const runs = told.map(({ startedAt, finishedAt, ...run }) => ({
          ...run,
          steps: stepsOf(run.runId),
          startedAt: timestampText(startedAt),
          finishedAt: finishedAt === undefined ? undefined : timestampText(finishedAt),
          milliseconds: finishedAt === undefined ? undefined : Number((finishedAt - startedAt) / 1000n),
        }));
        if (c.json) return line(c, { runs });
        c.out(
          table(
            ['started', 'kind', 'environment', 'status', 'revision', 'ms', 'engines', 'why'],
            runs.map((run) => [
              ...[run.startedAt, run.kind, run.environment, run.status, run.revision, run.milliseconds],
              [...new Set(run.steps.map(({ engine }) => engine))].sort().join(', '),
              run.errorMessage,
            ]),
            [false, false, false, false, true, true],
          ),
        );
        if (flags.steps)
          for (const { startedAt, steps } of runs)
            for (const { model, first, last, rows, engine, route } of steps)
              c.out(
                `${startedAt}  ${model}${first === '*' ? '' : ` ${first}${first === last ? '' : `..${last}`}`}: ${rows} rows on ${engine} (${route})\n`,
              );
      });
    });

  command('failures', 'keys of rows that failed checks of a table, newest first')
    .argument('<table>', 'such as gold.fact_sales')
    .option('--limit <n>', 'how many records, each of one check of one partition', '20')
    .action((name: string, flags: { json?: boolean; limit: string }) => {
      const c = context(flags);
      const limit = limitOf(flags.limit);
      return withApp(c, async (app) => {
        const failures = (await app.tables.failures(name, limit)).map(({ recordedAt, ...of }) => ({
          ...of,
          recordedAt: timestampText(recordedAt),
        }));
        if (c.json) return line(c, { table: name, failures });
        if (failures.length === 0) return c.out(`no failing rows of ${name} are kept\n`);
        for (const { recordedAt, partition, check, keys } of failures)
          c.out(
            `${recordedAt}  ${check}${partition === '*' ? '' : ` in ${partition}`}\n${shown(keys)
              .map((key) => `    ${key}\n`)
              .join('')}`,
          );
      });
    });
};
