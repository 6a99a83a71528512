import { error } from '../../errors/index.js';
import type { Catalogue } from '../../model/catalog/index.js';
import type { DataType } from '../../query/index.js';
import type { Assembly, KeySource, Part } from './assembly.js';
import type { Fact } from './facts.js';
import type { CheckedFilter } from './filter.js';
import { type LegAsk, type LegDraft, LegDrafts } from './leg-asks.js';
import { type Leaf, leafKey, windowOf } from './measures.js';
import { cubeMember } from './names.js';
import { groupedByOver, isPlain, type Over, overKey, plainOver } from './over.js';
import type { AskedComparison, AskedGroup, AskedMeasure, AskedTime, Question } from './question.js';
import { bucketText, hullOf, ownBuckets, pairsOf, type RowStretch, rowStretches, wholeStretch } from './stretches.js';
import { beforeFilter, endText, stretchFilter } from './time.js';

/** Buckets of a window whose measure is no sum of buckets: each reads its rows by itself. */
const MOST_APART = 100;

const isSame = (a: Fact, b: Fact): boolean => a.root === b.root && a.cube === b.cube;

/** Splits a question with totals, filters of measures, windows, comparisons or filled buckets into legs and what brings them together. */
export class PartsSplit {
  readonly drafts: LegDrafts;
  readonly values: Assembly['values'][number][] = [];
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
    this.drafts = new LegDrafts(question, catalogue);
    this.keyed = question.groups.flatMap((g, i) => (g.member === undefined ? [] : [i]));
    const asked = [...question.measures, ...question.hidden].filter((m) => !m.masked);
    const current = groupedByOver(asked, undefined, catalogue);
    const earlier = question.compare.flatMap((compare) =>
      groupedByOver(
        question.measures.filter((m) => !m.masked),
        compare,
        catalogue,
      ),
    );
    const facts = [
      ...new Map([...current, ...earlier].map(({ over }) => [JSON.stringify(over.fact), over.fact])).values(),
    ];
    // without a measure, rows are those of the view's root
    const bases = facts.length > 0 ? facts : [{ root: question.owner.root, cube: question.owner.root }];
    for (const set of question.sets) {
      for (const fact of bases) {
        const plain = current.find(({ over }) => isPlain(over) && isSame(over.fact, fact));
        this.#base(set, fact, plain?.leaves ?? [], bases.length > 1);
      }
      for (const { over, leaves } of [...current, ...earlier]) if (!isPlain(over)) this.#beside(set, over, leaves);
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
  slot(leaf: Leaf, asked: AskedMeasure, compare: AskedComparison | undefined): number {
    const over = { where: asked.where, window: windowOf(leaf, asked), compare };
    const found = this.#slots.get(overKey(leafKey(leaf), over));
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
    const { groups, totals, owner } = this.question;
    const of = totals ? `by (${set.map((g) => groups[g]?.name).join(', ')})` : '';
    const parts = [
      over.fact.cube === owner.root ? '' : over.fact.cube,
      of,
      over.where.length > 0 ? 'filtered' : '',
      over.window ? 'window' : '',
      over.compare?.as ?? '',
      over.taken ? `for each ${over.taken.over.join(', ')}` : '',
      over.level ? 'at a level' : '',
    ];
    return parts.filter((p) => p !== '').join(' ');
  }
  /** The groups of a set that a measure keeps. */
  #kept(set: readonly number[], { level }: Over): readonly number[] {
    if (level === undefined) return set;
    const { groups } = this.question;
    return set.filter((g) => level.includes(cubeMember(this.catalogue, groups[g]?.of ?? '')));
  }
  #slot(leaf: Leaf, over: Over, mayMiss: boolean): number {
    const key = overKey(leafKey(leaf), over);
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    // a comparison without a partner is null, whatever it counts
    const zero = over.compare === undefined && leaf.zero === true;
    if (mayMiss && over.compare === undefined && leaf.zero === undefined)
      throw error('not-supported', {
        what: `${leaf.member.name} is a formula, and what it gives for no rows is not known`,
        instead: 'ask for the measures that it is made of',
      });
    const all = this.question.groups.map((_, g) => g);
    const level =
      over.level === undefined
        ? {}
        : { level: this.keyed.flatMap((g, key) => (this.#kept(all, over).includes(g) ? [key] : [])) };
    const slot = this.values.push({ type: leaf.type, zero, ...level }) - 1;
    this.#slots.set(key, slot);
    return slot;
  }
  #valuesOf(draft: LegDraft, leaves: readonly Leaf[], over: Over, mayMiss: boolean): Part['values'] {
    return leaves.map((leaf) => ({
      slot: this.#slot(leaf, over, mayMiss),
      column: draft.measure(leaf.member.name),
      by: leaf.adds ?? 'max',
    }));
  }
  /** What a leg is grouped by beside a row's groups: a date by its day, which rollups keep. */
  #overs({ taken }: Over): readonly AskedGroup[] {
    return (taken?.over ?? []).map((name): AskedGroup => {
      const member = this.catalogue.members.get(name);
      if (!member) throw error('unknown-member', { name });
      const granularity = member.type.kind === 'date' ? 'day' : undefined;
      return { name, of: name, member: name, type: member.type, unit: undefined, granularity };
    });
  }
  #leg(set: readonly number[], over: Over, where: readonly CheckedFilter[], name: string, without?: number): number {
    return this.drafts.of(over.fact, [...this.#groups(set, without), ...this.#overs(over)], where, name);
  }
  #taken(draft: LegDraft, over: Over): Pick<Part, 'taken'> {
    if (!over.taken) return {};
    const { fn, known, conditions } = over.taken;
    return { taken: { over: this.#overs(over).map((g) => draft.group(g)), fn, known, conditions } };
  }
  #list(type: DataType, pairs: Assembly['lists'][number]['pairs']): number {
    return this.#listOf({ type, of: type, pairs });
  }
  #listOf(given: Assembly['lists'][number]): number {
    const key = JSON.stringify([given.of, given.pairs]);
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    const list = this.lists.push(given) - 1;
    this.#lists.set(key, list);
    return list;
  }
  #bucketType(): DataType {
    const group = this.question.groups[this.#time().bucket?.group ?? -1];
    if (!group) throw error('internal', {});
    return group.type;
  }

  /** The rows of the answer at one grain and of one fact, with the measures that are over just these. `others`: other facts make rows too. */
  #base(set: readonly number[], fact: Fact, leaves: readonly Leaf[], others: boolean): void {
    const { question } = this;
    const over = plainOver(fact);
    const leg = this.#leg(set, over, [...question.ranges, ...question.where], this.#name(set, over));
    const draft = this.drafts.at(leg);
    const fills = question.fill && this.#isBucketed(set);
    const values = this.#valuesOf(draft, leaves, over, fills || others);
    const flags = this.#flags(set);
    this.parts.push({ leg, keys: this.#keys(set, draft, undefined), flags, values, list: undefined, base: true });
    if (!fills) return;
    const time = this.#time();
    const own = ownBuckets(time).map((b) => bucketText(b, time));
    const list = this.#list(
      this.#bucketType(),
      own.map((b) => [b, b] as const),
    );
    const grouped = this.#groups(set, time.bucket?.group).length > 0;
    this.parts.push({
      leg: grouped ? leg : undefined,
      keys: this.#keys(set, draft, { kind: 'list' }),
      flags,
      values: [],
      list: { list, column: undefined, many: true },
      base: true,
    });
  }

  /** Values over other rows than the group's own, or taken together from finer ones. */
  #beside(all: readonly number[], over: Over, leaves: readonly Leaf[]): void {
    const { question } = this;
    const set = this.#kept(all, over);
    const flags = this.#flags(all);
    const where = (ranges: readonly CheckedFilter[]) => [...ranges, ...question.where, ...over.where];
    const name = this.#name(all, over);
    if (over.taken?.carry && this.#isTime(over.taken.over[0])) {
      this.#carriedPart(set, flags, over, leaves, where, name);
      return;
    }
    if (over.window === undefined && over.compare === undefined) {
      this.#plainPart(set, flags, over, leaves, where(question.ranges), name);
      return;
    }
    const time = this.#time();
    if (!this.#isBucketed(set)) {
      const whole = wholeStretch(time, over.window, over.compare);
      this.#plainPart(set, flags, over, leaves, where([stretchFilter(time, whole)]), name);
      return;
    }
    const stretches = rowStretches(time, over.window, over.compare);
    // values that no row has still are columns of the answer
    for (const leaf of leaves) this.#slot(leaf, over, true);
    if (stretches.length === 0) return;
    const adds = this.#isOneBucket(over) || leaves.every((leaf) => leaf.adds !== undefined || this.#isApart(leaf));
    const pairs = adds ? pairsOf(time, stretches) : undefined;
    if (pairs) {
      this.#pairedPart(set, flags, over, leaves, where, name, stretches, pairs);
      return;
    }
    if (over.compare)
      throw error('not-supported', {
        what: 'comparing a window that cannot be added up from its buckets',
        instead: 'ask for the window over the earlier range in a query of its own',
      });
    this.#partForEach(set, flags, over, leaves, where, name, stretches);
  }

  /** Whether a row reads the rows of one bucket, its own or another. */
  #isOneBucket({ window }: Over): boolean {
    return window === undefined || (window.kind === 'period' && window.take === 'previous');
  }

  /** Whether what is taken together lies in one bucket each, so that buckets can be brought together before. */
  #isApart({ taken }: Leaf): boolean {
    return taken?.over.length === 1 && this.#isTime(taken.over[0]);
  }

  /** Whether a dimension is the query's own time, or stands for it in another fact. */
  #isTime(name: string | undefined): boolean {
    const { time } = this.question;
    if (!time || name === undefined) return false;
    const [own, its] = [time.member, name].map((n) => cubeMember(this.catalogue, n));
    return own === its || (this.catalogue.members.get(time.member)?.conforms ?? []).includes(its ?? '');
  }

  #plainPart(
    set: readonly number[],
    flags: readonly boolean[],
    over: Over,
    leaves: readonly Leaf[],
    where: readonly CheckedFilter[],
    name: string,
  ): void {
    const leg = this.#leg(set, over, where, name);
    const draft = this.drafts.at(leg);
    this.parts.push({
      leg,
      keys: this.#keys(set, draft, undefined),
      flags,
      values: this.#valuesOf(draft, leaves, over, true),
      list: undefined,
      ...this.#taken(draft, over),
      base: false,
    });
  }

  /** Buckets that are read, brought under the buckets that they count for. */
  #pairedPart(
    set: readonly number[],
    flags: readonly boolean[],
    over: Over,
    leaves: readonly Leaf[],
    where: (ranges: readonly CheckedFilter[]) => readonly CheckedFilter[],
    name: string,
    stretches: readonly RowStretch[],
    pairs: Assembly['lists'][number]['pairs'],
  ): void {
    const time = this.#time();
    const group = this.question.groups[time.bucket?.group ?? -1];
    const range = over.window ? hullOf(stretches) : (over.compare?.range ?? time.range);
    const leg = this.#leg(set, over, where([stretchFilter(time, range)]), name);
    const draft = this.drafts.at(leg);
    this.parts.push({
      leg,
      keys: this.#keys(set, draft, { kind: 'list' }),
      flags,
      values: this.#valuesOf(draft, leaves, over, true),
      list: {
        list: this.#list(this.#bucketType(), pairs),
        column: group ? draft.group(group) : undefined,
        many: !this.#isOneBucket(over),
      },
      ...this.#taken(draft, over),
      base: false,
    });
  }

  /** A leg for each bucket: what cannot be added up is read over all of its rows. */
  #partForEach(
    set: readonly number[],
    flags: readonly boolean[],
    over: Over,
    leaves: readonly Leaf[],
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
    for (const { bucket, ...stretch } of stretches) {
      const leg = this.#leg(set, over, where([stretchFilter(time, stretch)]), name, time.bucket?.group);
      const draft = this.drafts.at(leg);
      this.parts.push({
        leg,
        keys: this.#keys(set, draft, { kind: 'bucket', text: bucketText(bucket, time) }),
        flags,
        values: this.#valuesOf(draft, leaves, over, true),
        list: undefined,
        ...this.#taken(draft, over),
        base: false,
      });
    }
  }

  /** What was last up to the end of a row's stretch, also before it began. */
  #carriedPart(
    set: readonly number[],
    flags: readonly boolean[],
    over: Over,
    leaves: readonly Leaf[],
    where: (ranges: readonly CheckedFilter[]) => readonly CheckedFilter[],
    name: string,
  ): void {
    const time = this.#time();
    if (over.window)
      throw error('not-supported', {
        what: `${leaves.map((leaf) => leaf.member.name).join(', ')} is carried forward: a window that ends with the row has the same last value`,
        instead: 'leave the window out',
      });
    const until = (to: bigint) => where([beforeFilter(time, to)]);
    if (!this.#isBucketed(set)) {
      const { to } = wholeStretch(time, undefined, over.compare);
      this.#plainPart(set, flags, over, leaves, until(to), name);
      return;
    }
    const stretches = rowStretches(time, undefined, over.compare);
    for (const leaf of leaves) this.#slot(leaf, over, true);
    if (stretches.length === 0) return;
    const last = stretches.reduce((most, s) => (s.to > most ? s.to : most), 0n);
    const [column] = this.#overs(over);
    const leg = this.#leg(set, over, until(last), name, time.bucket?.group);
    const draft = this.drafts.at(leg);
    const type = column?.type ?? { kind: 'date' };
    const pairs = stretches.map(({ bucket, to }) => [endText(to, type, time.zone), bucketText(bucket, time)] as const);
    this.parts.push({
      leg,
      keys: this.#keys(set, draft, { kind: 'list' }),
      flags,
      values: this.#valuesOf(draft, leaves, over, true),
      list: {
        list: this.#listOf({ type: this.#bucketType(), of: type, pairs }),
        column: column ? draft.group(column) : undefined,
        many: false,
        before: true,
      },
      ...this.#taken(draft, over),
      base: false,
    });
  }
}
