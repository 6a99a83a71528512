import type { Command } from 'commander';
import type { Context } from '../context.js';
import { interruptible } from '../interrupt.js';
import type { LakeCall, MomentFlags } from './lake-actions.js';

type Actions = typeof import('./lake-actions.js');
interface Flags {
  readonly json?: boolean;
  readonly env: string;
}

/** Whose pointers a name such as `gold.fact_sales` is resolved by, where nothing else is said. */
const PRODUCTION = 'prod';
const TABLE = 'gold.fact_sales, bronze.online_retail, a folder, or s3://bucket/prefix';

/** The commands on Delta tables. What they do is loaded when one is called. */
export const lakeCommands = (
  cli: Command,
  context: (flags: { readonly json?: boolean | undefined }) => Context,
): void => {
  const lake = cli
    .command('lake')
    .description('Delta tables: list, look into, read, and look after them')
    .exitOverride((thrown) => {
      throw thrown;
    });
  const command = (name: string, description: string) =>
    lake
      .command(name)
      .description(description)
      .allowExcessArguments(false)
      .option('--json', 'print JSON')
      .option('--env <name>', 'environment whose tables names mean', PRODUCTION)
      .exitOverride((thrown) => {
        throw thrown;
      });
  const call = (flags: Flags, work: (call: LakeCall, actions: Actions) => Promise<void>): Promise<void> => {
    const c = context(flags);
    return interruptible(async (signal) => work({ c, signal }, await import('./lake-actions.js')));
  };

  command('ls', 'Delta tables below a folder of the lake, or elsewhere')
    .argument('[prefix]', 'such as gold, a folder, or s3://bucket/prefix')
    .action((prefix: string | undefined, flags: Flags) => call(flags, (of, { list }) => list(of, prefix)));

  command('log', 'versions of a table, newest first: when, what, by whom')
    .argument('<table>', TABLE)
    .option('--limit <n>', 'how many', '20')
    .action((table: string, flags: Flags & { limit: string }) =>
      call(flags, (of, { history }) => history(of, table, flags)),
    );

  command('show', 'columns, partitions, properties, protocol and size of a table')
    .argument('<table>', TABLE)
    .option('--version <n>', 'as it was at a version')
    .option('--timestamp <time>', 'as it was at a time, such as 2026-11-23T10:00:00Z')
    .action((table: string, flags: Flags & MomentFlags) => call(flags, (of, { show }) => show(of, table, flags)));

  command('rows', 'all rows of a table, with exact values')
    .argument('<table>', TABLE)
    .requiredOption('--out <file>', 'file to write (whole or not at all), or - for standard output')
    .option('--format <format>', 'parquet, jsonl or csv', 'jsonl')
    .option('--version <n>', 'as it was at a version')
    .option('--timestamp <time>', 'as it was at a time')
    .action((table: string, flags: Flags & MomentFlags & { format: string; out: string }) =>
      call(flags, (of, { rows }) => rows(of, table, flags)),
    );

  command('vacuum', 'remove files that no version in the retention and no publication names')
    .argument('<table>', TABLE)
    .option(
      '--retain <time>',
      'how long removed files stay, such as 168h or 30d (default: what the table says, else 168h)',
    )
    .option('--dry-run', 'only tell what would go')
    .option('--force', 'allow less than 168h: readers of old versions may lose files')
    .action((table: string, flags: Flags & { retain?: string; dryRun?: boolean; force?: boolean }) =>
      call(flags, (of, { vacuum }) => vacuum(of, table, flags)),
    );

  command('optimize', 'put small files together; no row changes')
    .argument('<table>', TABLE)
    .option('--zorder <columns>', 'order rows so that near values of these columns lie together (comma-separated)')
    .option('--where <partition...>', 'only these partitions, such as day=2010-12-01')
    .action((table: string, flags: Flags & { zorder?: string; where?: string[] }) =>
      call(flags, (of, { optimize }) => optimize(of, table, flags)),
    );

  command('restore', 'make an earlier version of a table the newest one again')
    .argument('<table>', 'a folder, or s3://bucket/prefix')
    .option('--version <n>', 'the version that comes back')
    .option('--timestamp <time>', 'the version of then comes back')
    .action((table: string, flags: Flags & MomentFlags) => call(flags, (of, { restore }) => restore(of, table, flags)));
};
