import { error } from '../../errors/index.js';
import type { Catalogue, Member } from '../../model/catalog/index.js';
import type { Assembly, KeySource, Part } from './assembly.js';
import type { CheckedFilter } from './filter.js';
import { type LegAsk, type LegDraft, LegDrafts } from './leg-asks.js';
import { baseMeasures } from './measures.js';
import type { AskedComparison, AskedMeasure, AskedTime, AskedWindow, Question } from './question.js';
import { bucketText, ownBuckets, pairsOf, type RowStretch, rowStretches, wholeStretch } from './stretches.js';
import { stretchFilter } from './time.js';

/** Buckets of a window whose measure is no sum of buckets: each reads its rows by itself. */
const MOST_APART = 100;

/** Which rows a value is over, beside those of its group. */
interface Over {
  readonly where: readonly CheckedFilter[];
  readonly window: AskedWindow | undefined;
  readonly compare: AskedComparison | undefined;
}

/** What rows a value is over, and of which measure: values that agree in all of it are one. */
const valueKey = (measure: string, over: Over): string =>
  JSON.stringify([measure, over.where, over.window ?? null, over.compare?.as ?? null]);

/** What a measure is of no rows. Errors: `not-supported` where only its SQL knows. */
const isZeroOfNothing = (member: Member): boolean => {
  if (member.cubeType === 'count' || member.additivity === 'count_distinct') return true;
  if (['sum', 'min', 'max'].includes(member.additivity) || member.cubeType === 'avg') return false;
  throw error('not-supported', {
    what: `${member.name} is a formula, and what it gives for no rows is not known`,
    instead: 'ask for the measures that it is made of',
  });
};

/** How a measure's buckets add up; undefined where they do not. */
const addsBy = (member: Member | undefined): 'sum' | 'min' | 'max' | undefined =>
  member?.additivity === 'sum' || member?.additivity === 'min' || member?.additivity === 'max'
    ? member.additivity
    : undefined;

/** Splits a question with totals, filters of measures, windows, comparisons or filled buckets into legs and what brings them together. */
export class PartsSplit {
  readonly drafts: LegDrafts;
  readonly values: { type: Member['type']; zero: boolean }[] = [];
  readonly lists: Assembly['lists'][number][] = [];
  readonly parts: Part[] = [];
  /** Groups that have values, by position in the question; their order is that of the keys. */
  readonly keyed: readonly number[];
  readonly #slots = new Map<string, number>();
  readonly #lists = new Map<string, number>();

  constructor(
    readonly question: Question,
    readonly catalogue: Catalogue,
  ) {
    this.drafts = new LegDrafts(question);
    this.keyed = question.groups.flatMap((g, i) => (g.member === undefined ? [] : [i]));
    const asked = [...question.measures, ...question.hidden].filter((m) => !m.masked);
    const current = groupedByOver(asked, undefined);
    const earlier = question.compare.flatMap((compare) =>
      groupedByOver(
        question.measures.filter((m) => !m.masked),
        compare,
      ),
    );
    for (const set of question.sets) {
      const plain = current.find(({ over }) => over.where.length === 0 && over.window === undefined);
      this.#base(set, plain?.measures ?? []);
      for (const part of [...current, ...earlier]) if (part !== plain) this.#beside(set, part.over, part.measures);
    }
  }

  /** What is asked of sources, and the parts with the numbers of these legs. A leg without columns is one row. */
  finished(): { readonly legs: readonly LegAsk[]; readonly parts: readonly Part[] } {
    const kept = this.drafts.all.flatMap((draft, i) => (draft.isEmpty ? [] : [i]));
    const number = (leg: number | undefined) =>
      leg === undefined || !kept.includes(leg) ? undefined : kept.indexOf(leg);
    return {
      legs: kept.map((i) => this.drafts.at(i).ask()),
      parts: this.parts.map((part) => ({ ...part, leg: number(part.leg) })),
    };
  }

  /** The number of a value among those of the statement. */
  slot(measure: string, asked: AskedMeasure, compare: AskedComparison | undefined): number {
    const found = this.#slots.get(valueKey(measure, { where: asked.where, window: asked.window, compare }));
    if (found === undefined) throw error('internal', {});
    return found;
  }

  #time(): AskedTime {
    if (!this.question.time) throw error('internal', {});
    return this.question.time;
  }
  #isBucketed(set: readonly number[]): boolean {
    const { time } = this.question;
    return time?.bucket !== undefined && set.includes(time.bucket.group);
  }
  /** The groups of a set that are read, without those that a part knows otherwise. */
  #groups(set: readonly number[], without: number | undefined) {
    return this.keyed
      .filter((g) => set.includes(g) && g !== without)
      .map((g) => this.question.groups[g] as Question['groups'][number]);
  }
  #flags(set: readonly number[]): readonly boolean[] {
    return this.question.totals ? this.question.groups.map((_, g) => !set.includes(g)) : [];
  }
  #keys(set: readonly number[], draft: LegDraft | undefined, bucket: KeySource | undefined): readonly KeySource[] {
    return this.keyed.map((g): KeySource => {
      if (!set.includes(g)) return { kind: 'none' };
      if (bucket && g === this.question.time?.bucket?.group) return bucket;
      const group = this.question.groups[g];
      return draft && group ? { kind: 'column', column: draft.group(group) } : { kind: 'none' };
    });
  }
  #name(set: readonly number[], over: Over): string {
    const { groups, totals } = this.question;
    const of = totals ? `by (${set.map((g) => groups[g]?.name).join(', ')})` : '';
    const parts = [of, over.where.length > 0 ? 'filtered' : '', over.window ? 'window' : '', over.compare?.as ?? ''];
    return parts.filter((p) => p !== '').join(' ');
  }
  #slot(measure: Member, over: Over, mayMiss: boolean): number {
    const key = valueKey(measure.name, over);
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    const zero =
      over.compare === undefined && (measure.cubeType === 'count' || measure.additivity === 'count_distinct');
    if (mayMiss && over.compare === undefined) isZeroOfNothing(measure);
    const slot = this.values.push({ type: measure.type, zero }) - 1;
    this.#slots.set(key, slot);
    return slot;
  }
  #valuesOf(draft: LegDraft, measures: readonly Member[], over: Over, mayMiss: boolean): Part['values'] {
    return measures.map((m) => ({
      slot: this.#slot(m, over, mayMiss),
      column: draft.measure(m.name),
      by: addsBy(m) ?? 'max',
    }));
  }
  #list(type: Member['type'], pairs: Assembly['lists'][number]['pairs']): number {
    const key = JSON.stringify(pairs);
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    const list = this.lists.push({ type, pairs }) - 1;
    this.#lists.set(key, list);
    return list;
  }
  #bucketType(): Member['type'] {
    const group = this.question.groups[this.#time().bucket?.group ?? -1];
    if (!group) throw error('internal', {});
    return group.type;
  }

  /** The rows of the answer at one grain, with the measures that are over just these. */
  #base(set: readonly number[], asked: readonly AskedMeasure[]): void {
    const { question } = this;
    const plain: Over = { where: [], window: undefined, compare: undefined };
    const leg = this.drafts.of(
      this.#groups(set, undefined),
      [...question.ranges, ...question.where],
      this.#name(set, plain),
    );
    const draft = this.drafts.at(leg);
    const fills = question.fill && this.#isBucketed(set);
    const values = this.#valuesOf(draft, baseMeasures(asked, this.catalogue), plain, fills);
    const flags = this.#flags(set);
    this.parts.push({ leg, keys: this.#keys(set, draft, undefined), flags, values, list: undefined, base: true });
    if (!fills) return;
    const time = this.#time();
    const own = ownBuckets(time).map((b) => bucketText(b, time));
    const list = this.#list(
      this.#bucketType(),
      own.map((b) => [b, b] as const),
    );
    const others = this.#groups(set, time.bucket?.group).length > 0;
    this.parts.push({
      leg: others ? leg : undefined,
      keys: this.#keys(set, draft, { kind: 'list' }),
      flags,
      values: [],
      list: { list, column: undefined, many: true },
      base: true,
    });
  }

  /** Values over other rows than the group's own. */
  #beside(set: readonly number[], over: Over, asked: readonly AskedMeasure[]): void {
    const measures = baseMeasures(asked, this.catalogue);
    const { question } = this;
    const where = (ranges: readonly CheckedFilter[]) => [...ranges, ...question.where, ...over.where];
    const name = this.#name(set, over);
    if (over.window === undefined && over.compare === undefined) {
      this.#plainPart(set, over, measures, where(question.ranges), name);
      return;
    }
    const time = this.#time();
    if (!this.#isBucketed(set)) {
      const { from, to } = wholeStretch(time, over.window, over.compare);
      this.#plainPart(set, over, measures, where([stretchFilter(time, from, to)]), name);
      return;
    }
    const stretches = rowStretches(time, over.window, over.compare);
    // values that no row has still are columns of the answer
    for (const m of measures) this.#slot(m, over, true);
    if (stretches.length === 0) return;
    const adds = over.window === undefined || measures.every((m) => addsBy(m) !== undefined);
    const pairs = adds ? pairsOf(time, stretches) : undefined;
    if (pairs) {
      this.#pairedPart(set, over, measures, where, name, stretches, pairs);
      return;
    }
    if (over.compare)
      throw error('not-supported', {
        what: 'comparing a window that cannot be added up from its buckets',
        instead: 'ask for the window over the earlier range in a query of its own',
      });
    this.#partForEach(set, over, measures, where, name, stretches);
  }

  #plainPart(
    set: readonly number[],
    over: Over,
    measures: readonly Member[],
    where: readonly CheckedFilter[],
    name: string,
  ): void {
    const leg = this.drafts.of(this.#groups(set, undefined), where, name);
    const draft = this.drafts.at(leg);
    this.parts.push({
      leg,
      keys: this.#keys(set, draft, undefined),
      flags: this.#flags(set),
      values: this.#valuesOf(draft, measures, over, true),
      list: undefined,
      base: false,
    });
  }

  /** Buckets that are read, brought under the buckets that they count for. */
  #pairedPart(
    set: readonly number[],
    over: Over,
    measures: readonly Member[],
    where: (ranges: readonly CheckedFilter[]) => readonly CheckedFilter[],
    name: string,
    stretches: readonly RowStretch[],
    pairs: Assembly['lists'][number]['pairs'],
  ): void {
    const time = this.#time();
    const group = this.question.groups[time.bucket?.group ?? -1];
    const from = stretches.reduce((least, s) => (s.from < least ? s.from : least), stretches[0]?.from ?? 0n);
    const to = stretches.reduce((most, s) => (s.to > most ? s.to : most), stretches[0]?.to ?? 0n);
    const range = over.window ? { from, to } : (over.compare?.range ?? time.range);
    const leg = this.drafts.of(this.#groups(set, undefined), where([stretchFilter(time, range.from, range.to)]), name);
    const draft = this.drafts.at(leg);
    this.parts.push({
      leg,
      keys: this.#keys(set, draft, { kind: 'list' }),
      flags: this.#flags(set),
      values: this.#valuesOf(draft, measures, over, true),
      list: {
        list: this.#list(this.#bucketType(), pairs),
        column: group ? draft.group(group) : undefined,
        many: over.window !== undefined,
      },
      base: false,
    });
  }

  /** A leg for each bucket: what cannot be added up is read over all of its rows. */
  #partForEach(
    set: readonly number[],
    over: Over,
    measures: readonly Member[],
    where: (ranges: readonly CheckedFilter[]) => readonly CheckedFilter[],
    name: string,
    stretches: readonly RowStretch[],
  ): void {
    const time = this.#time();
    if (stretches.length > MOST_APART)
      throw error('not-supported', {
        what: `a window over more than ${MOST_APART} buckets, of measures that cannot be added up from buckets`,
        instead: 'ask for a shorter range, for coarser buckets, or for measures that are sums',
      });
    for (const { bucket, from, to } of stretches) {
      const leg = this.drafts.of(this.#groups(set, time.bucket?.group), where([stretchFilter(time, from, to)]), name);
      const draft = this.drafts.at(leg);
      this.parts.push({
        leg,
        keys: this.#keys(set, draft, { kind: 'bucket', text: bucketText(bucket, time) }),
        flags: this.#flags(set),
        values: this.#valuesOf(draft, measures, over, true),
        list: undefined,
        base: false,
      });
    }
  }
}

/** Measures by the rows that they are over. */
const groupedByOver = (measures: readonly AskedMeasure[], compare: AskedComparison | undefined) => {
  const found = new Map<string, { over: Over; measures: AskedMeasure[] }>();
  for (const m of measures) {
    const over: Over = { where: m.where, window: m.window, compare };
    const key = valueKey('', over);
    const known = found.get(key) ?? { over, measures: [] };
    known.measures.push(m);
    found.set(key, known);
  }
  return [...found.values()];
};
