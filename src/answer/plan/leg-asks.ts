import type { Catalogue } from '../../model/catalog/index.js';
import type { LegFilter, LegQuery } from '../../query/index.js';
import { type Fact, isToldByDay, legOfFact, toldBy } from './facts.js';
import type { CheckedFilter } from './filter.js';
import type { AskedGroup, Question } from './question.js';

/** What one leg is asked for, before policies, and the words by which `explain` tells it from the others. */
export interface LegAsk {
  readonly query: LegQuery;
  /** The leg's conditions again, in the planner's own form. */
  readonly where: readonly CheckedFilter[];
  readonly name: string;
  /** Whose rows it reads: rollups of another root hold other rows. */
  readonly root: string;
  /** True where its members were taken from their cubes: then its joins must begin at `root`. */
  readonly moved: boolean;
  /** True where joins may multiply the rows that its measures count, and nothing adds its values up. */
  readonly mayMultiply: boolean;
}

/** One leg in the making: groups are fixed, measures are added. */
export class LegDraft {
  readonly measures: string[] = [];
  readonly #dimensions: string[] = [];
  readonly #times: { dimension: string; granularity: string }[] = [];
  readonly #at = new Map<string, number>();

  constructor(
    readonly question: Question,
    readonly groups: readonly AskedGroup[],
    readonly where: readonly CheckedFilter[],
    readonly name: string,
    readonly fact: Fact,
    readonly catalogue: Catalogue,
  ) {
    for (const { member, granularity } of groups.map((g) => this.#told(g)))
      if (member !== undefined && granularity === undefined && !this.#at.has(member))
        this.#at.set(member, this.#dimensions.push(member) - 1);
    for (const { member, granularity } of groups.map((g) => this.#told(g))) {
      if (member === undefined || granularity === undefined) continue;
      const key = this.#bucket(member, granularity);
      if (this.#at.has(key)) continue;
      this.#times.push({ dimension: member, granularity });
      this.#at.set(key, this.keys - 1);
    }
  }
  /** How many columns come before the measures. */
  get keys(): number {
    return this.#dimensions.length + this.#times.length;
  }
  #bucket(member: string | undefined, granularity: string): string {
    return `${member === undefined ? '' : toldBy(member, this.fact, this.catalogue)}.${granularity}`;
  }
  #told({ member, granularity }: AskedGroup): Pick<AskedGroup, 'member' | 'granularity'> {
    const byDay = granularity === undefined && isToldByDay(member, this.fact, this.catalogue);
    return { member, granularity: byDay ? 'day' : granularity };
  }
  group(asked: AskedGroup): number {
    const { member, granularity } = this.#told(asked);
    return this.#at.get(granularity === undefined ? (member ?? '') : this.#bucket(member, granularity)) ?? -1;
  }
  measure(name: string): number {
    const known = this.measures.indexOf(name);
    return this.keys + (known >= 0 ? known : this.measures.push(name) - 1);
  }
  get isEmpty(): boolean {
    return this.keys + this.measures.length === 0;
  }
  /** Errors: `not-supported` for members that the leg's fact does not reach. */
  ask(): LegAsk {
    const { segments, timezone } = this.question;
    const asked: LegQuery = {
      measures: this.measures,
      dimensions: this.#dimensions,
      time: this.#times,
      segments,
      where: this.where as readonly LegFilter[],
      having: [],
      order: [],
      ...(this.question.rows && { ungrouped: true }),
      timezone,
    };
    const { query, where, moved } = legOfFact(asked, this.where, this.fact, this.catalogue);
    const mayMultiply = this.measures.every((m) => this.catalogue.members.get(m)?.multipliable === true);
    return { query, where, name: this.name, root: this.fact.root, moved, mayMultiply };
  }
}

/** The legs of a question, each once: the same rows at the same grain are read once for all their measures. */
export class LegDrafts {
  readonly all: LegDraft[] = [];
  readonly #known = new Map<string, number>();
  constructor(
    readonly question: Question,
    readonly catalogue: Catalogue,
  ) {}
  /** The number of a leg. */
  of(fact: Fact, groups: readonly AskedGroup[], where: readonly CheckedFilter[], name: string): number {
    const key = JSON.stringify([fact, groups.map((g) => [g.member, g.granularity]), where]);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const number = this.all.push(new LegDraft(this.question, groups, where, name, fact, this.catalogue)) - 1;
    this.#known.set(key, number);
    return number;
  }
  at(number: number): LegDraft {
    return this.all[number] as LegDraft;
  }
}
