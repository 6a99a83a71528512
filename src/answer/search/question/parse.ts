import type { Member } from '../../../model/catalog/index.js';
import type { Comparison, Filter, MetricQuery, OrderItem, TimeSelection } from '../../../query/index.js';
import { words } from '../tokens.js';
import { type Bound, boundPhrases } from './bound-phrases.js';
import { comparePhrases } from './compare-phrases.js';
import { type Lexicon, lexiconOf, type Named, tokensOf } from './lexicon.js';
import type { ParseParts } from './parts.js';
import { rankPhrases } from './rank-phrases.js';
import { Reading } from './reading.js';
import { normalised } from './text.js';
import { type TimeAsked, timePhrases } from './time-phrases.js';

/** A query that a question may mean. It can be posted as it is. */
export interface Proposal {
  readonly query: MetricQuery;
  /** 0 to 1: how much of the question it explains, and how surely. */
  readonly score: number;
  readonly reasons: readonly string[];
}

/** Proposals, best first; without any, why in words. */
export interface Parsed {
  readonly proposals: readonly Proposal[];
  readonly refusal?: string;
}

const WRITES =
  /^ (?:please )?(?:delete|drop|remove|insert|update|truncate|create|alter|overwrite|erase|set|change|rename) /;
const FUTURE =
  / (?:forecast|predict|prediction|projected|tomorrow|next (?:day|week|month|quarter|year)|will (?:we|be|there|it)) /;
const WHY = /^ why /;

/** A question in plain English to metric queries; never a statement, and never a guess where nothing is known. */
export const parseQuestion = async (question: string, parts: ParseParts): Promise<Parsed> => {
  const text = normalised(question);
  const refusal = refused(text);
  if (refusal !== undefined) return { proposals: [], refusal };
  const lexicon = lexiconOf(parts.members, parts.catalogue);
  const compared = comparePhrases(text);
  const time = timePhrases(compared.rest, parts.today);
  const bounded = boundPhrases(time.rest);
  const ranked = rankPhrases(bounded.rest);
  const read = new Reading(tokensOf(ranked.rest), text, lexicon, parts, {
    ranked: ranked.dir !== undefined,
    bounds: bounded.bounds,
  });
  await read.all();
  const proposals: Proposal[] = [];
  const faults: string[] = [];
  for (const measures of read.choices()) {
    const made = assemble(measures, read, { time, bounds: bounded.bounds, ranked, compare: compared.compare }, lexicon);
    if (typeof made === 'string') faults.push(made);
    else if (!proposals.some((p) => JSON.stringify(p.query) === JSON.stringify(made.query))) proposals.push(made);
  }
  proposals.sort((a, b) => b.score - a.score);
  if (proposals.length > 0) return { proposals };
  return { proposals, refusal: faults[0] ?? read.refusal() };
};

const refused = (text: string): string | undefined => {
  if (WRITES.test(text)) return 'questions only read: nothing is created, changed or deleted here';
  if (FUTURE.test(text)) return 'the future is not in the data: ask for a time that has passed';
  if (WHY.test(text)) return 'reasons are not in the data: ask for the figures, split by what may explain them';
  return undefined;
};

interface Asked {
  readonly time: TimeAsked;
  readonly bounds: readonly Bound[];
  readonly ranked: { readonly dir?: 'asc' | 'desc'; readonly limit?: number };
  readonly compare: readonly Comparison[];
}

/** One query of one view, or why these parts do not fit together. */
const assemble = (measures: readonly Named[], read: Reading, asked: Asked, lexicon: Lexicon): Proposal | string => {
  const owner =
    measures[0]?.member.owner ?? read.groups[0]?.named[0]?.member.owner ?? read.subject?.named[0]?.member.owner;
  const reasons: string[] = measures.map((n) => `${n.member.title} (${n.member.name})`);
  const dimensions: string[] = [];
  for (const group of [...(read.subject ? [read.subject] : []), ...read.groups]) {
    const mine = group.named.find((n) => n.member.owner === owner);
    if (!mine) return `${owner} cannot be split by “${group.words.join(' ')}”`;
    if (!dimensions.includes(mine.member.name)) dimensions.push(mine.member.name);
    reasons.push(`by ${mine.member.title}`);
  }
  const where: Filter[] = [];
  const byDimension = new Map<string, { yes: string[]; no: string[] }>();
  for (const { choices, negated } of read.values) {
    const mine = choices.filter((c) => c.dimension.startsWith(`${owner}.`));
    const [choice] = mine;
    if (!choice) return `${owner} does not know “${choices[0]?.value}”`;
    const at = byDimension.get(choice.dimension) ?? { yes: [], no: [] };
    (negated ? at.no : at.yes).push(...mine.filter((c) => c.dimension === choice.dimension).map((c) => c.value));
    byDimension.set(choice.dimension, at);
  }
  for (const [member, { yes, no }] of byDimension) {
    for (const [values, one, many] of [[yes, 'eq', 'in'] as const, [no, 'ne', 'notIn'] as const])
      if (values.length > 0) {
        where.push({ member, op: values.length === 1 ? one : many, values });
        reasons.push(`${member} ${values === yes ? 'is' : 'is not'} ${values.join(' or ')}`);
      }
  }
  for (const { member, value } of read.flags) {
    if (member.owner !== owner) return `${owner} cannot be filtered by ${member.title}`;
    where.push({ member: member.name, op: 'eq', values: [value] });
    reasons.push(`${member.title} is ${value}`);
  }
  const time = timeOf(owner, asked.time, read.parts);
  if (typeof time === 'string') return time;
  where.push(...time.where);
  reasons.push(...asked.time.reasons);
  if (asked.compare.length > 0 && !time.time?.range)
    return 'a comparison needs a time: say which month, week or day is meant';
  const having: Filter[] = [];
  for (const bound of asked.bounds) {
    const named = bound.words === '' ? undefined : boundMeasure(bound.words, lexicon, owner);
    const member = named ?? measures[0]?.member;
    if (!member) return `there is no measure “${bound.words}”`;
    having.push({ member: member.name, op: bound.op, values: [bound.value] });
    reasons.push(`${member.title} ${bound.op} ${bound.value}`);
  }
  if (dimensions.length === 0 && measures.length === 0)
    return 'the question names no measure: say what is to be counted or summed';
  const first = measures[0]?.member.name;
  const groups = dimensions.length + (time.time?.granularity ? 1 : 0);
  const ranks = asked.ranked.dir !== undefined && first !== undefined && groups > 0;
  const order: OrderItem[] = ranks ? [{ by: first, dir: asked.ranked.dir ?? 'desc' }] : [];
  const single = !isPlural(read);
  const limit = ranks ? (asked.ranked.limit ?? (single ? 1 : 10)) : undefined;
  if (limit !== undefined) reasons.push(`the ${limit} ${asked.ranked.dir === 'asc' ? 'lowest' : 'highest'}`);
  const query: MetricQuery = {
    measures: measures.map((n) => n.member.name),
    ...(dimensions.length > 0 ? { dimensions } : {}),
    ...(time.time ? { time: [time.time] } : {}),
    ...(where.length === 1 && where[0] ? { where: where[0] } : where.length > 1 ? { where: { and: where } } : {}),
    ...(having.length === 1 && having[0]
      ? { having: having[0] }
      : having.length > 1
        ? { having: { and: having } }
        : {}),
    ...(order.length > 0 ? { order } : {}),
    ...(asked.compare.length > 0 ? { compare: asked.compare } : {}),
    ...(limit === undefined ? {} : { limit }),
  };
  const surety = measures.reduce((sum, n) => sum + n.surety, 0) / (measures.length || 1) || 0.6;
  const known = 1 / (1 + 0.25 * read.unknown().length);
  return { query, score: Math.round(surety * known * 1000) / 1000, reasons };
};

/** Whether several things are asked for: words of the reading have lost their plural, the text has not. */
const isPlural = (read: Reading): boolean => {
  const last = (read.subject ?? read.groups[0])?.words.at(-1);
  if (last === undefined) return false;
  return read.text.split(' ').some((word) => word !== last && words(word)[0] === last);
};

const boundMeasure = (words: string, lexicon: Lexicon, owner: string | undefined): Member | undefined => {
  const tokens = tokensOf(words);
  for (let length = tokens.length; length >= 1; length--) {
    const found = lexicon
      .named(tokens.slice(0, length))
      .find((n) => n.member.kind === 'measure' && n.member.owner === owner);
    if (found) return found.member;
  }
  return undefined;
};

const timeOf = (
  owner: string | undefined,
  asked: TimeAsked,
  parts: ParseParts,
): { readonly time?: TimeSelection; readonly where: readonly Filter[] } | string => {
  const { range, granularity, from, until } = asked;
  if (!range && granularity === undefined && from === undefined && until === undefined) return { where: [] };
  const mine = parts.members.filter((m) => m.owner === owner && m.granularities.length > 0);
  const dimension = mine[0];
  if (!dimension) return `${owner} has no time`;
  if (granularity !== undefined && !dimension.granularities.includes(granularity))
    return `${dimension.title} is not kept by ${granularity}`;
  const { name } = dimension;
  const where: Filter[] = [
    ...(from === undefined ? [] : [{ member: name, op: 'gte' as const, values: [from] }]),
    ...(until === undefined ? [] : [{ member: name, op: 'lt' as const, values: [until] }]),
  ];
  if (!range && granularity === undefined) return { where };
  return {
    where,
    time: {
      dimension: name,
      ...(granularity === undefined ? {} : { granularity }),
      ...(range ? { range: [range.from, range.to] as const } : {}),
    },
  };
};
