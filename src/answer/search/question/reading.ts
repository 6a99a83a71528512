import type { Member } from '../../../model/catalog/index.js';
import type { Bound } from './bound-phrases.js';
import { type Lexicon, LONGEST_PHRASE, type Named, tokensOf } from './lexicon.js';
import type { ParseParts } from './parts.js';
import { CUT, RANKED } from './text.js';

export interface Group {
  readonly words: readonly string[];
  readonly named: readonly Named[];
}
export interface ValueFound {
  readonly choices: readonly { readonly dimension: string; readonly value: string }[];
  readonly negated: boolean;
}

const BY = new Set(['per', 'by', 'across', 'each', 'every', 'split', 'grouped', 'broken']);
const NOT = new Set(['not', 'except', 'excluding', 'without', 'outside', 'exclude']);
const AT = new Set([
  'in',
  'from',
  'for',
  'to',
  'of',
  'only',
  'with',
  'on',
  'at',
  'during',
  'within',
  'is',
  'are',
  'segment',
  'tier',
]);
const LITTLE = new Set(
  'a all also am an and any are as at be been being but by can come could did do does each ever every fetch find for from get give go had has have he her how i in into is it its let list look make many may me more much my need no number of off on one or our out over please s said shall she should show some such t tell than that the their them then there these they this those to total two up us value want was way we were what when where which while who whole why will with would you your overall altogether per only just compute calculate display'.split(
    ' ',
  ),
);
const WEEKDAYS = new Set('monday tuesday wednesday thursday friday saturday sunday'.split(' '));

/** One reading of a question's words: values, groups and measures, each word taken once. */
export class Reading {
  readonly groups: Group[] = [];
  readonly values: ValueFound[] = [];
  readonly flags: { readonly member: Member; readonly value: boolean | string }[] = [];
  measures: { readonly named: readonly Named[] }[] = [];
  likeness: readonly Named[] = [];
  subject: Group | undefined;
  #tokens: string[];
  constructor(
    tokens: readonly string[],
    readonly text: string,
    readonly lexicon: Lexicon,
    readonly parts: ParseParts,
    readonly asked: { readonly ranked: boolean; readonly bounds: readonly Bound[] },
  ) {
    this.#tokens = [...tokens];
  }

  async all(): Promise<void> {
    this.#measures((phrase) => phrase.some((t) => BY.has(t)));
    this.#weekdays();
    this.#values();
    this.#groups();
    this.#flags();
    this.#which();
    this.#measures(() => true);
    this.#bounded();
    if (this.measures.length === 0) await this.#alike();
  }

  /** Sets of measures that the question may mean, the surest first; an empty one asks for a dimension's values. */
  *choices(): Generator<readonly Named[]> {
    const owners = new Map<string, number>();
    for (const { named } of this.measures)
      for (const n of named) owners.set(n.member.owner, (owners.get(n.member.owner) ?? 0) + 1);
    for (const owner of owners.keys()) {
      const mine = this.measures.flatMap(({ named }) => named.find((n) => n.member.owner === owner) ?? []);
      if (mine.length > 0) yield mine;
    }
    if (this.measures.length === 1) for (const n of this.measures[0]?.named.slice(1) ?? []) yield [n];
    for (const n of this.likeness) yield [n];
    if (
      this.measures.length === 0 &&
      this.likeness.length === 0 &&
      this.groups.length > 0 &&
      this.unknown().length === 0
    )
      yield [];
  }

  /** Words that nothing explains. */
  unknown(): readonly string[] {
    return this.#tokens.filter((t) => t !== CUT && t !== RANKED && !LITTLE.has(t) && !BY.has(t));
  }

  refusal(): string {
    const unknown = this.unknown();
    return unknown.length > 0
      ? `nothing that you may ask for is called ${unknown
          .slice(0, 6)
          .map((w) => `“${w}”`)
          .join(' ')}`
      : 'the question names no measure: say what is to be counted or summed';
  }

  #take(from: number, count: number): void {
    this.#tokens.splice(from, count, CUT);
  }

  #phrase(from: number, length: number): readonly string[] | undefined {
    const phrase = this.#tokens.slice(from, from + length);
    return phrase.length === length && !phrase.includes(CUT) && !phrase.includes(RANKED) ? phrase : undefined;
  }

  /** Weekdays are values of a dimension that calls itself so. */
  #weekdays(): void {
    for (let i = 0; i < this.#tokens.length; i++) {
      const day = this.#tokens[i] ?? '';
      if (!WEEKDAYS.has(day)) continue;
      const [named] = this.lexicon.named([day]).filter((n) => n.member.kind === 'dimension');
      if (!named) continue;
      this.flags.push({ member: named.member, value: day.charAt(0).toUpperCase() + day.slice(1) });
      this.#take(i, 1);
    }
  }

  #values(): void {
    for (let length = 8; length >= 1; length--)
      for (let i = 0; i + length <= this.#tokens.length; i++) {
        const phrase = this.#phrase(i, length);
        const choices = phrase && this.parts.values.get(phrase.join(' '));
        if (!phrase || !choices || !this.#isValue(phrase, i, choices)) continue;
        const before = this.#tokens.slice(Math.max(0, i - 3), i);
        const negated = before.some((t) => NOT.has(t));
        this.values.push({ choices, negated });
        this.#take(i, length);
        // "gold tier", "segment champions": the dimension's own name beside the value is part of it
        this.#eatName(i, choices);
        for (let k = i - 1; k >= 0 && k >= i - 3; k--) if (NOT.has(this.#tokens[k] ?? '')) this.#tokens[k] = CUT;
      }
  }

  #eatName(at: number, choices: ValueFound['choices']): void {
    const dimensions = new Set(choices.map((c) => c.dimension));
    for (let length = 3; length >= 1; length--)
      for (const from of [at + 1, at - length]) {
        const phrase = from < 0 ? undefined : this.#phrase(from, length);
        if (phrase && this.lexicon.named(phrase).some((n) => dimensions.has(n.member.name))) {
          this.#take(from, length);
          return;
        }
      }
  }

  /** A word that also names something else is a value only where the words beside it say so. */
  #isValue(phrase: readonly string[], at: number, choices: ValueFound['choices']): boolean {
    const dimensions = new Set(choices.map((c) => c.dimension));
    if (phrase.length === 1 && LITTLE.has(phrase[0] ?? '')) return false;
    const others = this.lexicon.named(phrase).filter((n) => !dimensions.has(n.member.name));
    const before = this.#tokens[at - 1] ?? '';
    const after = this.#tokens[at + phrase.length] ?? '';
    const beside = [before, after].some((t) => this.lexicon.named([t]).some((n) => dimensions.has(n.member.name)));
    if (beside) return true;
    if (others.length > 0) return AT.has(before) && !BY.has(before) && others.every((n) => n.member.kind !== 'measure');
    return true;
  }

  /** "per country and product category". */
  #groups(): void {
    for (let i = 0; i < this.#tokens.length; i++) {
      if (!BY.has(this.#tokens[i] ?? '')) continue;
      let from = i + 1;
      while (['by', 'down', 'each', 'every', 'the', 'all', 'up'].includes(this.#tokens[from] ?? '')) from++;
      const group = this.#dimensionAt(from);
      if (!group) continue;
      this.groups.push(group);
      this.#tokens.splice(i, from - i + group.words.length, CUT);
      while (['and', 'then', 'by'].includes(this.#tokens[i + 1] ?? '')) {
        const next =
          i + (this.#tokens[i + 1] === 'and' && ['by', 'per', 'the'].includes(this.#tokens[i + 2] ?? '') ? 3 : 2);
        const also = this.#dimensionAt(next);
        if (!also) break;
        this.groups.push(also);
        this.#tokens.splice(i, next - i + also.words.length, CUT);
      }
    }
  }

  #dimensionAt(from: number): Group | undefined {
    for (let length = LONGEST_PHRASE; length >= 1; length--) {
      const words = this.#phrase(from, length);
      const named =
        words &&
        this.lexicon.named(words).filter((n) => n.member.kind === 'dimension' && n.member.type.kind !== 'timestamp');
      if (words && named && named.length > 0) return { words, named };
    }
    return undefined;
  }

  /** "on weekends": a yes-or-no dimension that stands as a condition. */
  #flags(): void {
    for (let i = 1; i < this.#tokens.length; i++) {
      if (!['on', 'at', 'during', 'only'].includes(this.#tokens[i - 1] ?? '') && this.#tokens[i - 2] !== 'on') continue;
      const word = this.#tokens[i] ?? '';
      const [named] = this.lexicon.named([word]).filter((n) => n.member.type.kind === 'boolean');
      if (!named) continue;
      this.flags.push({ member: named.member, value: true });
      this.#take(i, 1);
    }
  }

  /** "which countries", "top 5 products", "countries with more than": the things that are asked for are a group. */
  #which(): void {
    for (let i = -1; i < this.#tokens.length; i++) {
      const token = this.#tokens[i];
      const begins = i === -1 && this.asked.bounds.length > 0;
      const ranks = token === RANKED;
      if (!begins && !ranks && !['which', 'what', 'list', 'show', 'all'].includes(token ?? '')) continue;
      let from = i + 1;
      while (['the', 'our', 'all', 'is', 'are', 'me'].includes(this.#tokens[from] ?? '')) from++;
      const group = this.#dimensionAt(from);
      if (!group) continue;
      // "lowest return rate": a longer name of a measure begins there; "what orders": their number is meant
      const measured = this.#measureLength(from);
      if (measured > group.words.length) continue;
      if (!begins && !ranks && token !== 'which' && measured > 0) continue;
      this.subject = group;
      this.#take(from, group.words.length);
      return;
    }
  }

  #measureLength(from: number): number {
    for (let length = LONGEST_PHRASE; length >= 1; length--) {
      const phrase = this.#phrase(from, length);
      if (phrase && this.lexicon.named(phrase).some((n) => n.member.kind === 'measure')) return length;
    }
    return 0;
  }

  #measures(wanted: (phrase: readonly string[]) => boolean): void {
    for (let length = LONGEST_PHRASE; length >= 1; length--)
      for (let i = 0; i + length <= this.#tokens.length; i++) {
        const phrase = this.#phrase(i, length);
        if (!phrase || !wanted(phrase) || (length === 1 && LITTLE.has(phrase[0] ?? ''))) continue;
        const named = this.lexicon.named(phrase).filter((n) => n.member.kind === 'measure');
        if (named.length === 0) continue;
        this.measures.push({ named });
        this.#ranksItself(phrase);
        this.#take(i, length);
      }
  }

  /** "best selling products" names a measure and the things that it ranks. */
  #ranksItself(phrase: readonly string[]): void {
    const last = phrase.slice(-1);
    if (!this.asked.ranked || this.subject || this.groups.length > 0 || phrase.length < 2) return;
    const named = this.lexicon.named(last).filter((n) => n.member.kind === 'dimension');
    if (named.length > 0 && /^(?:best|most|top|popular)$/.test(phrase[0] ?? '')) this.subject = { words: last, named };
  }

  /** "countries with more than 10 orders": the bound names the measure. */
  #bounded(): void {
    if (this.measures.length > 0) return;
    for (const { words: bound } of this.asked.bounds) {
      const tokens = tokensOf(bound);
      for (let length = tokens.length; length >= 1; length--) {
        const named = this.lexicon.named(tokens.slice(0, length)).filter((n) => n.member.kind === 'measure');
        if (named.length === 0) continue;
        this.measures.push({ named });
        break;
      }
    }
  }

  async #alike(): Promise<void> {
    const rest = this.#tokens.filter((t) => t !== CUT && t !== RANKED).join(' ');
    if (this.unknown().length === 0) return;
    const found = (await this.parts.like(rest)).filter((n) => n.member.kind === 'measure');
    this.likeness = found.slice(0, 3);
  }
}
