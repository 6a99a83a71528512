import { error } from '../../errors/index.js';
import type { Additivity, Catalogue, Member, Period, StageCondition } from '../../model/catalog/index.js';
import type { DataType } from '../../query/index.js';
import { madeOf } from './names.js';
import type { AskedMeasure, AskedWindow } from './question.js';

/** How the values of one row are taken together, of which a leg delivers one for each value of `over`. */
export interface Taken {
  /** Dimensions that the leg is grouped by beside the row's own groups. */
  readonly over: readonly string[];
  readonly fn: 'last' | 'first' | 'sum' | 'min' | 'max' | 'count';
  /** Rows without a value of `over` belong to none of them. */
  readonly known: boolean;
  readonly carry: boolean;
  /** Only values that satisfy these are taken. */
  readonly conditions: readonly StageCondition[];
}

/** Something that legs deliver: a measure of the model, taken together where it is no plain function of a row's lines. */
export interface Leaf {
  readonly member: Member;
  readonly taken: Taken | undefined;
  /** Cube members of the only groups that it keeps; undefined: all of the query's. */
  readonly level: readonly string[] | undefined;
  /** The stretch that it is over, reckoned from the row's own; undefined: the row's own. */
  readonly period: Period | undefined;
  readonly type: DataType;
  /** How its values add up over rows that do not overlap; undefined: not at all. */
  readonly adds: 'sum' | 'min' | 'max' | undefined;
  /** What it is where no rows are: zero, or null. Undefined: only its SQL knows. */
  readonly zero: boolean | undefined;
}

/** How a measure is made of leaves: as it is, or as the exact ratio or difference of two. */
export type Formula =
  | { readonly kind: 'leaf'; readonly leaf: Leaf }
  | { readonly kind: 'ratio'; readonly numerator: Formula; readonly denominator: Formula; readonly scale: number }
  | { readonly kind: 'difference'; readonly a: Formula; readonly b: Formula; readonly scale: number };

const WIDEST = 38;
const wide = (type: DataType): DataType =>
  type.kind === 'decimal' ? { ...type, precision: WIDEST } : type.kind === 'integer' ? { kind: 'bigint' } : type;

const addsBy = (additivity: Additivity, multipliable: boolean | undefined): Leaf['adds'] => {
  if (additivity === 'min' || additivity === 'max') return additivity;
  return additivity === 'sum' && multipliable !== true ? 'sum' : undefined;
};
const zeroOf = (member: Member): boolean | undefined => {
  if (member.cubeType === 'count' || member.cubeType === 'count_distinct') return true;
  return ['sum', 'min', 'max', 'avg'].includes(member.cubeType) ? false : undefined;
};

const plain = (member: Member): Leaf => ({
  member,
  taken: undefined,
  level: undefined,
  period: undefined,
  type: member.type,
  adds: addsBy(member.additivity, member.multipliable),
  zero: zeroOf(member),
});

const scaleOf = (member: Member): number => {
  if (member.type.kind !== 'decimal')
    throw error('not-supported', { what: `${member.name}: a ratio's type is a decimal` });
  return member.type.scale;
};

/** A value for each of `over`, taken together; an average is the exact ratio of their sum and their number. */
const takenFormula = (inner: Leaf, taken: Omit<Taken, 'fn'>, take: string, answered: Member): Formula => {
  const leaf = (fn: Taken['fn'], type: DataType): Formula => ({
    kind: 'leaf',
    leaf: { ...inner, taken: { ...taken, fn }, type, adds: undefined, zero: fn === 'count' },
  });
  switch (take) {
    case 'avg':
      return {
        kind: 'ratio',
        numerator: leaf('sum', wide(inner.type)),
        denominator: leaf('count', { kind: 'bigint' }),
        scale: scaleOf(answered),
      };
    default:
      return leaf(take as Taken['fn'], answered.type);
  }
};

/** A formula whose leaves are changed. */
const mapped = (formula: Formula, change: (leaf: Leaf) => Leaf): Formula => {
  if (formula.kind === 'leaf') return { kind: 'leaf', leaf: change(formula.leaf) };
  const inside = (part: Formula) => mapped(part, change);
  return formula.kind === 'ratio'
    ? { ...formula, numerator: inside(formula.numerator), denominator: inside(formula.denominator) }
    : { ...formula, a: inside(formula.a), b: inside(formula.b) };
};
/** A formula whose value is told in a measure's own type. */
const answeredAs = (formula: Formula, member: Member): Formula =>
  formula.kind === 'leaf'
    ? { kind: 'leaf', leaf: { ...formula.leaf, type: member.type } }
    : { ...formula, scale: scaleOf(member) };

/** How a measure is made. Errors: `unknown-member`, `not-supported` where a ratio's type or parts are not exact. */
export const formulaOf = (member: Member, catalogue: Catalogue): Formula => {
  const part = (name: string): Member => {
    const found = catalogue.members.get(name);
    if (!found) throw error('unknown-member', { name });
    return found;
  };
  const { ratio, semiAdditive, stage, level, period, difference } = member;
  if (ratio) {
    const [numerator, denominator] = [ratio.numerator, ratio.denominator].map((name) =>
      formulaOf(part(name), catalogue),
    );
    if (!numerator || !denominator) throw error('internal', {});
    for (const leaf of [...leavesOf(numerator), ...leavesOf(denominator)])
      if (!['integer', 'bigint', 'decimal'].includes(leaf.type.kind))
        throw error('not-supported', { what: `${member.name}: a part of the ratio has no exact type` });
    return { kind: 'ratio', numerator, denominator, scale: scaleOf(member) };
  }
  if (semiAdditive) {
    const { over, take, carry, base, type } = semiAdditive;
    const inner = { ...plain(member), type, adds: addsBy(base, member.multipliable) };
    const taken = { over: [over], known: true, carry: carry === 'forward', conditions: [] };
    return takenFormula(inner, taken, take, member);
  }
  if (stage) {
    const taken = { over: stage.by, known: stage.known, carry: false, conditions: stage.conditions };
    return takenFormula(plain(part(stage.measure)), taken, stage.take, member);
  }
  if (level) {
    const whole = formulaOf(part(level.measure), catalogue);
    return answeredAs(
      mapped(whole, (leaf) => ({ ...leaf, level: level.by })),
      member,
    );
  }
  if (period) return mapped(formulaOf(part(period.measure), catalogue), (leaf) => ({ ...leaf, period: period.take }));
  if (difference) {
    const [a, b] = [difference.of, difference.less].map((name) => formulaOf(part(name), catalogue));
    if (!a || !b) throw error('internal', {});
    return { kind: 'difference', a, b, scale: member.type.kind === 'decimal' ? member.type.scale : 0 };
  }
  return { kind: 'leaf', leaf: plain(member) };
};

/** What legs deliver for a formula. */
export const leavesOf = (formula: Formula): readonly Leaf[] => {
  if (formula.kind === 'leaf') return [formula.leaf];
  const parts = formula.kind === 'ratio' ? [formula.numerator, formula.denominator] : [formula.a, formula.b];
  return parts.flatMap(leavesOf);
};

/** Whether some part of a measure is over another period than its row's. */
export const isPeriodic = (member: Member, catalogue: Catalogue): boolean =>
  member.period !== undefined ||
  madeOf(member).some((name) => {
    const part = catalogue.members.get(name);
    return part !== undefined && isPeriodic(part, catalogue);
  });

/** The stretch that a leaf of a measure reads instead of its row's own. */
export const windowOf = (leaf: Leaf, asked: Pick<AskedMeasure, 'window'>): AskedWindow | undefined =>
  leaf.period ? { kind: 'period', take: leaf.period } : asked.window;

/** The leaves of what is asked, each once; masked ones are not read. */
export const leavesAsked = (asked: readonly AskedMeasure[], catalogue: Catalogue): readonly Leaf[] => {
  const found = new Map<string, Leaf>();
  for (const { member, masked } of asked)
    if (!masked) for (const leaf of leavesOf(formulaOf(member, catalogue))) found.set(leafKey(leaf), leaf);
  return [...found.values()];
};

/** Leaves that agree in it are one. */
export const leafKey = ({ member, taken, level, period, type }: Leaf): string =>
  JSON.stringify([member.name, taken ?? null, level ?? null, period ?? null, type]);
