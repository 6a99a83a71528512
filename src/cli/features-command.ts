import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { parse } from 'csv-parse/sync';
import type { FeatureChoice, FeatureSkew, Freshness, OnlineAnswer } from '../answer/features/index.js';
import { parseInstant } from '../answer/plan/index.js';
import type { App } from '../app.js';
import { error } from '../errors/index.js';
import { type Caller, localCaller, timestampText, typeText, valueText } from '../query/index.js';
import { decodeHistorical, decodeOnline, decodeSkew } from '../serve/rest/index.js';
import { featuresOfServer, featuresServer } from './client.js';
import { type Context, withApp } from './context.js';
import { type RunFile, readRun } from './home.js';
import { interruptible } from './interrupt.js';
import { parseJson } from './options.js';
import { plainAnswer } from './plain-answer.js';
import { asCsv, asTable, type PlainAnswer, size, table } from './print.js';

interface GetFlags {
  readonly json?: boolean;
  readonly service?: string;
  readonly features?: string;
  readonly spine?: string;
  readonly online?: string;
  readonly maxAge?: string;
  readonly asOf?: string;
  readonly source?: string;
  readonly format: string;
  readonly role: string;
}

/** A service, or features by name. Errors: `usage`. */
export const choiceOf = (flags: { readonly service?: string; readonly features?: string }): FeatureChoice => {
  if ((flags.service === undefined) === (flags.features === undefined))
    throw error('usage', { text: 'give either --service NAME or --features VIEW.FEATURE,...' });
  return flags.service === undefined
    ? { features: (flags.features ?? '').split(',').map((name) => name.trim()) }
    : { service: flags.service };
};

/** Rows of a file that a person gives: CSV with a header, JSON lines, or a JSON list; `-` is standard input. Errors: `usage`. */
export const rowsOfFile = (file: string): readonly Record<string, unknown>[] => {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (thrown) {
    throw error('usage', { text: `${file} cannot be read (${(thrown as NodeJS.ErrnoException).code})` });
  }
  if (text.trimStart().startsWith('[')) return parseJson(file, text);
  if (text.trimStart().startsWith('{'))
    return text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line, i) => parseJson(`${file}:${i + 1}`, line));
  try {
    return parse(text, { columns: true, skip_empty_lines: true, bom: true }) as Record<string, unknown>[];
  } catch (thrown) {
    throw error('usage', { text: `${file} is neither JSON nor CSV with a header: ${(thrown as Error).message}` });
  }
};

const printed = (c: Context, answer: PlainAnswer, format: string): void => {
  const texts = { json: () => `${JSON.stringify(answer)}\n`, csv: () => asCsv(answer), table: () => asTable(answer) };
  const text = c.json ? texts.json : texts[format as keyof typeof texts];
  if (text) c.out(text());
  else throw error('usage', { text: `--format is table, csv or json, not ${format}` });
};

/** `assay features get|ls|materialize|skew`. */
export const featureCommands = (
  cli: Command,
  context: (flags: { json?: boolean }) => Context,
  tokenFor: (c: Context, role: string) => Promise<string>,
): void => {
  const features = cli.command('features').description('features for models: training sets, online values, skew');
  const command = (name: string, description: string) =>
    features.command(name).description(description).allowExcessArguments(false).option('--json', 'print JSON');
  const choosing = (name: string, description: string) =>
    command(name, description)
      .option('--service <name>', 'all features of a service')
      .option('--features <names>', 'comma-separated, such as customer_orders.spend_7d or customer_orders.*')
      .option('--role <role>', 'ask as this role', 'admin');
  const options = () => ({ surface: 'cli' as const, requestId: randomUUID() });
  /** Asks the server of this home, or this process where none runs. */
  const asked = async <T>(
    c: Context,
    role: string,
    there: (run: RunFile, token: string) => Promise<unknown>,
    here: (app: App, caller: Caller) => Promise<T>,
  ): Promise<T> => {
    const run = readRun(c.home);
    if (run) return (await there(run, await tokenFor(c, role))) as T;
    return withApp(c, (app) => here(app, localCaller([role])));
  };

  choosing('get', 'features of the rows of a file as they were known at each row’s event_time, or online values')
    .option('--spine <file>', 'CSV, JSON or JSON lines with the key and event_time; - is standard input')
    .option('--online <keys>', 'online values of these keys, comma-separated')
    .option('--max-age <time>', 'online values older than this are stale, such as 1d')
    .option('--as-of <mode>', 'event, or available: only views that record when an event became known')
    .option('--source <source>', 'auto, lake or postgres')
    .option('--format <format>', 'table, csv or json', 'table')
    .action(async (flags: GetFlags) => {
      const c = context(flags);
      const choice = choiceOf(flags);
      if ((flags.spine === undefined) === (flags.online === undefined))
        throw error('usage', {
          text: 'give either --spine FILE for a training set or --online KEY,... for what is served',
        });
      if (flags.online !== undefined) {
        const answer = await asked(
          c,
          flags.role,
          async (run, token) => featuresServer(run, token, 'online', await onlineRequest(run, token, choice, flags)),
          async (app, caller) => {
            const { keys } = app.features.describe(serviceOf(choice), caller);
            const request = decodeOnline(onlineBody(choice, keys[0] ?? '', flags));
            return plainOnline(await app.features.online(request, caller, options()));
          },
        );
        return printed(c, answer as PlainAnswer, flags.format);
      }
      const request = {
        ...choice,
        spine: rowsOfFile(flags.spine ?? '-'),
        ...(flags.asOf === undefined ? {} : { as_of: flags.asOf }),
        ...(flags.source === undefined ? {} : { source: flags.source }),
      };
      const answer = await asked(
        c,
        flags.role,
        (run, token) => featuresServer(run, token, 'historical', request),
        async (app, caller) =>
          plainAnswer(await app.features.historical(decodeHistorical(request).request, caller, options())),
      );
      printed(c, answer, flags.format);
    });

  command('ls', 'features and services, and how new their online values are')
    .option('--role <role>', 'ask as this role', 'admin')
    .action(async (flags: { json?: boolean; role: string }) => {
      const c = context(flags);
      const answer = await asked(
        c,
        flags.role,
        async (run, token) => ({
          ...((await featuresOfServer(run, token, '')) as object),
          freshness: ((await featuresOfServer(run, token, '/freshness')) as { services: unknown }).services,
        }),
        async (app, caller) => ({ ...app.features.list(caller), freshness: await app.features.freshness(caller) }),
      );
      if (c.json) return c.out(`${JSON.stringify(answer)}\n`);
      const { features: names, services, freshness } = answer as Listed;
      c.out(`features: ${names.join(', ') || 'none'}\nservices: ${services.join(', ') || 'none'}\n`);
      const rows = freshness.map((f) => [
        f.service,
        f.asOf,
        f.builtAt,
        f.entities,
        f.behind.map((b) => b.table).join(', '),
        f.schema,
      ]);
      if (rows.length > 0) c.out(table(['online', 'values as of', 'made at', 'entities', 'behind', 'schema'], rows));
    });

  command(
    'materialize',
    'bring online values forward: readers have the version before until all of the new one is there',
  )
    .argument('[services...]', 'services or views (default: all that are served online)')
    .option('--as-of <time>', 'the instant that values are of, or now (default: just after the newest event)')
    .option('--anew', 'also what is current')
    .action((services: string[], flags: { json?: boolean; asOf?: string; anew?: boolean }) => {
      const c = context(flags);
      const asOf = flags.asOf === undefined ? undefined : instantOf(flags.asOf);
      return interruptible((signal) =>
        withApp(
          c,
          async (app) => {
            const results = await app.features.materialize({
              ...(services.length > 0 ? { only: services } : {}),
              ...(asOf === undefined ? {} : { asOf }),
              anew: flags.anew === true,
              signal,
            });
            const plain = results.map((r) => ({ ...r, asOf: r.asOf === undefined ? null : timestampText(r.asOf) }));
            if (c.json) return c.out(`${JSON.stringify({ results: plain })}\n`);
            for (const r of plain)
              c.out(
                `${r.outcome}  ${r.service}: ${r.entities} entities as of ${r.asOf ?? 'nothing'}, ${size(r.bytes)}, ${r.milliseconds} ms\n`,
              );
          },
          signal,
        ),
      );
    });

  choosing('skew', 'what was served against what training sees: rows of a log with key, event_time and served values')
    .requiredOption('--log <file>', 'CSV, JSON or JSON lines; - is standard input')
    .option('--most <share>', 'exit 1 when more than this share of a feature’s rows differ', '0')
    .action(async (flags: GetFlags & { log: string; most: string }) => {
      const c = context(flags);
      const most = Number(flags.most);
      if (!(most >= 0 && most <= 1))
        throw error('usage', { text: `--most wants a share from 0 to 1, not ${flags.most}` });
      const request = { ...choiceOf(flags), rows: rowsOfFile(flags.log) };
      const answer = (await asked(
        c,
        flags.role,
        (run, token) => featuresServer(run, token, 'skew', request),
        (app, caller) => app.features.skew(decodeSkew(request), caller, options()),
      )) as { features: readonly FeatureSkew[] };
      const off = answer.features.filter((f) => f.rows - f.equal > most * f.rows);
      if (off.length > 0) process.exitCode = 1;
      if (c.json) return c.out(`${JSON.stringify(answer)}\n`);
      const round = (n: number | null) => (n === null ? null : n.toFixed(4));
      const heads = ['feature', 'rows', 'equal', 'mismatch', 'missing', 'extra', 'smape', 'psi', 'ks'];
      const rows = answer.features.map((f) => [
        f.feature,
        f.rows,
        f.equal,
        f.mismatch,
        f.missing,
        f.extra,
        round(f.smape),
        round(f.psi),
        round(f.ks),
      ]);
      c.out(table(heads, rows));
    });
};

interface Listed {
  readonly features: readonly string[];
  readonly services: readonly string[];
  readonly freshness: readonly Freshness[];
}

/** An instant that a person typed. Errors: `usage`. */
const instantOf = (text: string): bigint => {
  const found = text === 'now' ? BigInt(Date.now()) * 1000n : parseInstant(text, 'UTC');
  if (found === undefined) throw error('usage', { text: `--as-of wants now, a date or an RFC 3339 time, not ${text}` });
  return found;
};

/** The service or view whose description names the key of a choice. */
const serviceOf = (choice: FeatureChoice): string => choice.service ?? (choice.features?.[0] ?? '').split('.')[0] ?? '';

const onlineBody = (choice: FeatureChoice, key: string, flags: GetFlags) => ({
  ...choice,
  entities: (flags.online ?? '').split(',').map((value) => ({ [key]: value.trim() })),
  include: ['status', 'event_time'],
  ...(flags.maxAge === undefined ? {} : { max_age: flags.maxAge }),
});

const onlineRequest = async (run: RunFile, token: string, choice: FeatureChoice, flags: GetFlags) => {
  const name = serviceOf(choice);
  const { keys } = (await featuresOfServer(run, token, `/services/${encodeURIComponent(name)}`)) as { keys: string[] };
  return onlineBody(choice, keys[0] ?? '', flags);
};

const plainOnline = ({ columns, rows, provenance }: OnlineAnswer): PlainAnswer => ({
  columns: columns.map((x) => ({
    name: x.name,
    type: typeText(x.type),
    ...(x.unit === undefined ? {} : { unit: x.unit }),
  })),
  rows: rows.map((row) =>
    row.map((value, i) => {
      const type = columns[i]?.type;
      return value === null || typeof value === 'number' || typeof value === 'boolean' || !type
        ? (value as null)
        : valueText(type, value);
    }),
  ),
  provenance: { ...provenance },
});
