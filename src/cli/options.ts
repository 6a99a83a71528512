import type { Command } from 'commander';
import { error } from '../errors/index.js';
import type { Filter, MetricQuery, OrderItem, SourceChoice, TimeSelection } from '../query/index.js';

/** The query flags of `assay query` and `assay explain`, as commander gives them. */
export interface QueryFlags {
  readonly measures?: string;
  readonly dimensions?: string;
  readonly time?: string;
  readonly range?: string;
  readonly where?: string;
  readonly order?: string;
  readonly limit?: string;
  readonly offset?: string;
  readonly timezone?: string;
  readonly source?: string;
}

/** A command that takes a metric query, as JSON or in flags. */
export const withQueryFlags = (command: Command): Command =>
  command
    .argument('[query]', 'metric query as JSON; flags may be used instead')
    .option('--measures <names>', 'comma-separated')
    .option('--dimensions <names>', 'comma-separated')
    .option('--time <name:granularity>', 'such as retail.sold_at:day')
    .option('--range <from,to>', 'half-open, for the first --time')
    .option('--where <json>', 'filter tree')
    .option('--order <name:dir>', 'comma-separated')
    .option('--limit <n>')
    .option('--offset <n>')
    .option('--timezone <zone>')
    .option('--source <source>', 'auto, raw or rollup')
    .option('--role <role>', 'ask as this role', 'admin');

const list = (text: string | undefined): string[] =>
  (text ?? '')
    .split(',')
    .map((t) => t.trim())
    .filter((t) => t !== '');

const whole = (flag: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw error('usage', { text: `${flag} wants a whole number, not ${text}` });
  return Number(text);
};

/** Parses JSON that a person typed. Errors: `usage`, naming what it was for. */
export const parseJson = <T>(what: string, text: string): T => {
  try {
    return JSON.parse(text) as T;
  } catch (thrown) {
    throw error('usage', { text: `${what} is no JSON: ${(thrown as Error).message}` });
  }
};

/**
 * A metric query from flags: `--time retail.sold_at:day --range 2010-12-01,2010-12-14 --order retail.net_revenue:desc`.
 * Errors: `usage`.
 */
export const queryOf = (flags: QueryFlags): MetricQuery => {
  const range = flags.range === undefined ? undefined : list(flags.range);
  if (range && range.length !== 2)
    throw error('usage', { text: '--range wants two ends: FROM,TO (TO is not included)' });
  const times = list(flags.time).map((text, i): TimeSelection => {
    const [dimension = '', granularity] = text.split(':');
    const ends = i === 0 && range ? ([range[0] ?? '', range[1] ?? ''] as const) : undefined;
    return { dimension, ...(granularity ? { granularity } : {}), ...(ends ? { range: ends } : {}) };
  });
  if (range && times.length === 0)
    throw error('usage', { text: '--range needs --time, which names the time dimension' });
  const order = list(flags.order).map((text): OrderItem => {
    const [by = '', dir = 'asc'] = text.split(':');
    if (dir !== 'asc' && dir !== 'desc')
      throw error('usage', { text: `--order wants NAME:asc or NAME:desc, not ${text}` });
    return { by, dir };
  });
  const limit = whole('--limit', flags.limit);
  const offset = whole('--offset', flags.offset);
  return {
    measures: list(flags.measures),
    dimensions: list(flags.dimensions),
    ...(times.length > 0 ? { time: times } : {}),
    ...(flags.where === undefined ? {} : { where: parseJson<Filter>('--where', flags.where) }),
    ...(order.length > 0 ? { order } : {}),
    ...(limit === undefined ? {} : { limit }),
    ...(offset === undefined ? {} : { offset }),
    ...(flags.timezone === undefined ? {} : { timezone: flags.timezone }),
    ...(flags.source === undefined ? {} : { source: flags.source as SourceChoice }),
  };
};

/** The query of a command that takes JSON or flags. Errors: `usage`. */
export const givenQuery = (text: string | undefined, flags: QueryFlags): MetricQuery =>
  text === undefined ? queryOf(flags) : parseJson<MetricQuery>('the query', text);

/** `90s`, `15m`, `12h`, `30d` as seconds. Errors: `usage`. */
export const seconds = (text: string): number => {
  const match = /^(\d{1,9})(s|m|h|d)$/.exec(text);
  if (!match) throw error('usage', { text: `a time such as 15m, 12h or 30d is wanted, not ${text}` });
  return Number(match[1]) * { s: 1, m: 60, h: 3600, d: 86_400 }[match[2] as 's'];
};
