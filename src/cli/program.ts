import { randomUUID } from 'node:crypto';
import { Command, CommanderError } from 'commander';
import type { App } from '../app.js';
import { demoRows } from '../build/ingest/index.js';
import { readPins } from '../build/transform/index.js';
import type { Config } from '../config/index.js';
import { error } from '../errors/index.js';
import { checkModel } from '../model/cube/index.js';
import { type Explanation, localCaller, type MetricQuery, type RollupSpec, valueText } from '../query/index.js';
import { mintToken } from '../serve/auth/index.js';
import { adviceCommands } from './advice-commands.js';
import { explainServer, queryServer } from './client.js';
import { type Context, contextOf, secretsOf, withApp } from './context.js';
import { featureCommands } from './features-command.js';
import { ownerOf, readRun } from './home.js';
import { lakeCommands } from './lake/commands.js';
import { lookCommands } from './look-commands.js';
import { mcpCommand } from './mcp-command.js';
import { modelCommands } from './model/commands.js';
import { noModel } from './model/state.js';
import { givenQuery, parseJson, type QueryFlags, seconds, withQueryFlags } from './options.js';
import { plainAnswer } from './plain-answer.js';
import { asCsv, asTable, type PlainAnswer } from './print.js';
import { followRun } from './progress.js';
import { rollupCommands } from './rollup-commands.js';
import { searchCommands } from './search-command.js';
import { sparkCommands } from './spark-command.js';
import { init, start, stopProcess } from './start.js';
import { status } from './status.js';
import { tableCommands } from './table-commands.js';

/** The command line. Every command throws errors of the catalogue; `main.ts` prints them and sets the exit code. */
export const program = (config: () => Config, root: string): Command => {
  const cli = new Command('assay')
    .description('SQL-first semantic layer and query service')
    .allowExcessArguments(false)
    .showHelpAfterError()
    .exitOverride((thrown: CommanderError) => {
      throw thrown;
    });
  const command = (name: string, description: string) =>
    cli
      .command(name)
      .description(description)
      .allowExcessArguments(false)
      .option('--json', 'print JSON')
      .exitOverride((thrown) => {
        throw thrown;
      });
  const context = (flags: { json?: boolean }): Context => contextOf(config(), root, flags.json === true);

  command('start', 'start the service (with the demo’s data when the home is empty)')
    .option('--no-demo', 'never load the demo')
    .option('--replace', 'stop the server of this home first, once the new model has compiled')
    .action((flags: { demo: boolean; replace?: boolean; json?: boolean }) =>
      start(context(flags), { demo: flags.demo, replace: flags.replace === true }),
    );

  command('stop', 'stop the server of this home').action(async (flags: { json?: boolean }) => {
    const c = context(flags);
    const pid = ownerOf(c.home);
    if (pid === undefined) throw error('not-running', { home: c.home.dir });
    await stopProcess(pid);
    c.out(c.json ? `${JSON.stringify({ stopped: pid })}\n` : `stopped process ${pid}\n`);
  });

  command('status', 'what is loaded, data versions, failed checks, rollups, ports, disk').action(
    (flags: { json?: boolean }) => {
      return statusOf(context(flags));
    },
  );

  command('init', 'make a folder with a model and transforms of your own')
    .argument('<dir>', 'folder to make them in')
    .action((dir: string, flags: { json?: boolean }) => {
      const c = context(flags);
      init(c, dir);
      c.out(
        c.json
          ? `${JSON.stringify({ model: `${dir}/model`, transforms: `${dir}/transforms` })}\n`
          : `made ${dir}/model and ${dir}/transforms; start with ASSAY_MODEL=${dir}/model ASSAY_TRANSFORMS=${dir}/transforms\n`,
      );
    });

  command('ingest', 'take a file into bronze, exactly as it came')
    .argument('<file>', 'CSV file')
    .requiredOption('--source <name>', 'what kind of file it is, such as online_retail')
    .option('--encoding <name>', 'utf-8, windows-1252 or iso-8859-1 (default: found out)')
    .option('--source-system <name>', 'value of source_system (default: the source’s name)')
    .action((file: string, flags: { source: string; encoding?: string; sourceSystem?: string; json?: boolean }) => {
      const c = context(flags);
      return withApp(c, async (app) => {
        const r = await app.ingest({
          file,
          source: flags.source,
          ...(flags.encoding ? { encoding: flags.encoding } : {}),
          ...(flags.sourceSystem ? { sourceSystem: flags.sourceSystem } : {}),
        });
        const plain = { ...r, ingestedAt: valueText({ kind: 'timestamp' }, r.ingestedAt) };
        c.out(
          c.json
            ? `${JSON.stringify(plain)}\n`
            : r.duplicate
              ? `${r.file} was taken in before (${r.rows} rows, ${r.rejected} rejected); nothing was added\n`
              : `${r.file}: ${r.read} lines read as ${r.encoding}, ${r.rows} in bronze, ${r.rejected} rejected; \`assay build\` brings silver, gold and rollups forward\n`,
        );
      });
    });

  command('build', 'plan and apply in one, then rollups; with nothing new it does nothing')
    .option('--restate <tables>', 'tables to make again; a breaking change of these needs no new version')
    .option('--engine <pins...>', 'make tables on an engine, such as gold.*=spark (also several)')
    .action((flags: { json?: boolean; restate?: string; engine?: string[] }) => {
      const c = context(flags);
      return withApp(c, async (app, telemetry) => {
        // With --json this command prints one object, so its progress is for terminals only.
        const end = c.json ? () => {} : followRun(c, telemetry);
        const again = (flags.restate ?? '').split(',').filter((id) => id !== '');
        const built = await app.build(again, flags.engine && readPins(flags.engine)).finally(end);
        const refused = built.results.filter((r) => r.outcome === 'refused' || r.outcome === 'failed');
        c.out(
          c.json
            ? `${JSON.stringify(built)}\n`
            : `${built.published ? `revision ${built.revision} published; changed: ${built.changed.join(', ') || 'nothing'}` : `nothing new; revision ${built.revision} stands`}; ${built.rollups} rollups current\n`,
        );
        for (const { model, partition, status, reason, retry } of built.unmade)
          c.note(`${status} ${model}${partition === '*' ? '' : ` ${partition}`}: ${reason}; try again: ${retry}`);
        for (const r of refused) c.note(`rollup ${r.rollup} ${r.outcome}: ${r.reason ?? r.error?.message ?? ''}`);
        if (built.unmade.length > 0) process.exitCode = built.changed.length > 0 ? 3 : 1;
        if (refused.length > 0) process.exitCode = 1;
      });
    });

  tableCommands(command, context);
  lookCommands(command, context);
  modelCommands(cli, context);
  searchCommands(command, context, tokenFor);
  featureCommands(cli, context, tokenFor);
  mcpCommand(command, context, (c, role, attributes) => mint(c, [role], 300, 'local', attributes));
  sparkCommands(cli, context);
  rollupCommands(cli, context, (of) => adviceCommands(of, context, explained));
  lakeCommands(cli, ({ json }) => context({ ...(json === undefined ? {} : { json }) }));

  const queryFlags = (name: string, description: string) => withQueryFlags(command(name, description));
  type AskFlags = QueryFlags & { role: string; format?: string; json?: boolean };

  queryFlags('query', 'ask the semantic layer')
    .option('--format <format>', 'table, csv or json', 'table')
    .action(async (text: string | undefined, flags: AskFlags) => {
      const c = context(flags);
      const format = c.json ? 'json' : flags.format;
      if (format !== 'table' && format !== 'csv' && format !== 'json')
        throw error('usage', { text: `--format is table, csv or json, not ${format}` });
      const query = givenQuery(text, flags);
      const run = readRun(c.home);
      const answer = run
        ? await queryServer(run, await tokenFor(c, flags.role), query)
        : await withApp(c, (app) => askHere(app, query, flags.role));
      c.out(format === 'json' ? `${JSON.stringify(answer)}\n` : format === 'csv' ? asCsv(answer) : asTable(answer));
    });

  queryFlags('explain', 'tell which rollup or table serves a query, and why').action(
    async (text: string | undefined, flags: AskFlags) => {
      const c = context(flags);
      const query = givenQuery(text, flags);
      const told = await explained(c, query, flags.role);
      if (c.json) return c.out(`${JSON.stringify(told)}\n`);
      const candidates = told.candidates.map(
        (x) =>
          `  ${x.rollup}: ${x.verdict}${x.members.length > 0 ? ` (${x.members.join(', ')})` : ''}${x.detail ? `: ${x.detail}` : ''}\n`,
      );
      c.out(
        `${told.plan} from ${told.source}\n${candidates.join('')}${(told.statements ?? []).map((s) => `${s.engine}:\n${s.sql}\nparameters ${JSON.stringify(s.parameters)}\n`).join('')}`,
      );
    },
  );

  command('token', 'mint a token for a role')
    .requiredOption('--role <role>', 'role, or several comma-separated')
    .option('--expires <time>', 'such as 15m, 12h, 30d', '12h')
    .option('--subject <name>', 'who it is for', 'local')
    .option('--attributes <json>', 'attributes that row rules read', '{}')
    .action(async (flags: { role: string; expires: string; subject: string; attributes: string; json?: boolean }) => {
      const c = context(flags);
      const token = await mint(
        c,
        flags.role.split(','),
        seconds(flags.expires),
        flags.subject,
        parseJson('--attributes', flags.attributes),
      );
      c.out(c.json ? `${JSON.stringify({ token })}\n` : `${token}\n`);
    });

  command('demo', 'write a larger synthetic file of the example’s shape')
    .requiredOption('--rows <n>', 'lines')
    .option('--seed <n>', 'the same seed gives the same file', '1')
    .requiredOption('--out <file>', 'file to write')
    .action(async (flags: { rows: string; seed: string; out: string; json?: boolean }) => {
      const c = context(flags);
      if (!/^\d{1,10}$/.test(flags.rows) || !/^\d{1,9}$/.test(flags.seed))
        throw error('usage', { text: '--rows and --seed want whole numbers' });
      const made = await demoRows({ rows: Number(flags.rows), seed: Number(flags.seed), out: flags.out });
      c.out(
        c.json
          ? `${JSON.stringify(made)}\n`
          : `${made.rows} synthetic lines in ${flags.out}; take them in with \`assay ingest ${flags.out} --source online_retail --source-system synthetic\`\n`,
      );
    });
  return cli;
};

/** Status is told also where the files of the model have faults: that is part of it. */
const statusOf = async (c: Context): Promise<void> => {
  const { faults, model } = await checkModel(readRun(c.home)?.model ?? c.config.model);
  return withApp(c, (app) => status(c, app, faults), undefined, model ?? noModel);
};

const mint = (
  c: Context,
  roles: readonly string[],
  expires: number,
  subject: string,
  attributes: Record<string, unknown>,
): Promise<string> => {
  const secret = secretsOf(c.config, c.home, false).jwt;
  if (secret === undefined)
    throw error('config-missing', { name: 'ASSAY_JWT_SECRET', why: 'tokens are signed with it' });
  return mintToken({
    secret,
    roles,
    expires,
    subject,
    attributes,
    issuer: c.config.jwtIssuer,
    audience: c.config.jwtAudience,
  });
};
const tokenFor = (c: Context, role: string): Promise<string> => mint(c, [role], 300, 'local', {});

/** Asks the running server why, or a process of its own where none runs. */
const explained = async (
  c: Context,
  query: MetricQuery,
  role: string,
  hypothetical?: RollupSpec,
): Promise<Explanation> => {
  const run = readRun(c.home);
  if (run) return explainServer(run, await tokenFor(c, role), query, hypothetical);
  const asking = { surface: 'cli', requestId: randomUUID(), ...(hypothetical && { hypothetical }) } as const;
  return withApp(c, (app) => app.ask.explain(query, localCaller([role]), asking));
};

const askHere = async (app: App, query: MetricQuery, role: string): Promise<PlainAnswer> =>
  plainAnswer(await app.ask.query(query, localCaller([role]), { surface: 'cli', requestId: randomUUID() }));

export { CommanderError };
