import { type ContractDifference, contractDifference, lost } from './contract-difference.js';
import { whyNotForward } from './forward-only.js';
import { reasonsOf } from './reasons.js';
import { sameJson } from './same-json.js';
import type { StoredDefinition } from './stored.js';
import { textDiff } from './text-diff.js';

export type { ContractDifference };

/**
 * What a change means. `metadata`: nothing to rebuild; `additive`: nothing that readers had is lost or changed; `forward_only`:
 * accepted for partitions made from now on; `breaking`: what readers had is gone or made another way; `indirect`: the file says what it
 * said and its inputs do not.
 */
export type Category = 'new' | 'metadata' | 'additive' | 'forward_only' | 'breaking' | 'indirect' | 'removed';

/** One table, as an environment has it and as the files want it. */
export interface ModelChange {
  readonly id: string;
  readonly name: string;
  /** Of the files; of what is there when it is removed. */
  readonly version: number;
  readonly before: { readonly version: number; readonly fingerprint: string } | undefined;
  readonly after: { readonly version: number; readonly fingerprint: string } | undefined;
  readonly category: Category;
  /** By an edit of this file, not only by its inputs. */
  readonly direct: boolean;
  /** What changed, one text each: `column revenue is made another way`. */
  readonly reasons: readonly string[];
  readonly contract: ContractDifference;
  /** Columns that were there before and have other values, and whether the set of rows is another. */
  readonly columns: readonly string[];
  readonly rows: boolean;
  /** Unified diff of the file; '' when its text is the same. */
  readonly diff: string;
  /** Why a plan may not go on with it, and the way out. */
  readonly blocked: string | undefined;
}

export interface CompareOptions {
  /** Ids whose breaking change is wanted without a new version: readers get the new meaning under the old name. */
  readonly restate?: ReadonlySet<string>;
  /** Ids whose change holds for partitions made from now on, as `forward_only: true` in the file says. */
  readonly forwardOnly?: ReadonlySet<string>;
}

/** Whether one list is the other with some left out. */
const within = (few: readonly string[], many: readonly string[]): boolean => {
  let at = 0;
  for (const each of many) if (each === few[at]) at += 1;
  return at === few.length;
};

/** Columns of both whose hashes differ. */
const differing = (old: Readonly<Record<string, string>>, next: Readonly<Record<string, string>>): string[] =>
  Object.keys(old).filter((name) => name in next && old[name] !== next[name]);

/** Whether the file says another thing than before, whatever its inputs mean. */
const saysOther = (old: StoredDefinition, next: StoredDefinition): boolean =>
  old.own.rowset !== next.own.rowset ||
  !sameJson(old.own.columns, next.own.columns) ||
  !sameJson(old.definition, next.definition);

/** The statement is the old one, but for new projections at its top. */
const onlyAdds = (old: StoredDefinition, next: StoredDefinition): boolean => {
  const [before, after] = [old.statement.projections, next.statement.projections];
  if (old.statement.rest !== next.statement.rest) return false;
  if (before === undefined || after === undefined) return sameJson(old.own.columns, next.own.columns);
  return within(before, after);
};

/** Parts of the front matter that may change without changing what was there: the contract has its own rules. */
const HARMLESS = new Set(['columns', 'targets', 'lookups', 'follows']);
const sameFrontMatter = (old: StoredDefinition, next: StoredDefinition): boolean =>
  Object.keys({ ...old.definition, ...next.definition }).every(
    (key) => HARMLESS.has(key) || sameJson(old.definition[key], next.definition[key]),
  );

const keepsWhatWasThere = (old: StoredDefinition, next: StoredDefinition): boolean =>
  old.own.rowset === next.own.rowset &&
  differing(old.own.columns, next.own.columns).length === 0 &&
  lost(contractDifference(old.contract, next.contract)).length === 0 &&
  sameFrontMatter(old, next) &&
  onlyAdds(old, next);

const categoryOf = (old: StoredDefinition, next: StoredDefinition, holdsFromNow: boolean): Category => {
  if (old.dataHash === next.dataHash) return 'metadata';
  if (!saysOther(old, next)) return 'indirect';
  // Before additive: whoever wants the past to stay does not want new columns of it made either.
  if (holdsFromNow) return 'forward_only';
  return keepsWhatWasThere(old, next) ? 'additive' : 'breaking';
};

/** What to do instead of changing a version under its readers. */
export const newVersionOf = ({ id, name, version }: Pick<StoredDefinition, 'id' | 'name' | 'version'>): string =>
  `write ${name.slice(name.indexOf('.') + 1)}.v${version + 1}.sql with deprecates: ${version}, or plan with --restate ${id}`;

const blockedBy = (
  category: Category,
  old: StoredDefinition,
  next: StoredDefinition,
  asked: { readonly restate: boolean; readonly whyNotForward: readonly string[] },
): string | undefined => {
  const { rules, id } = next;
  if (old.version !== next.version || asked.restate) return undefined;
  if (asked.whyNotForward.length > 0 && (category === 'additive' || category === 'breaking'))
    return `forward_only cannot hold for this change of ${id}: ${asked.whyNotForward.join(', ')}; take forward_only away, ${newVersionOf(next)}`;
  if (rules.mode === 'warn') return undefined;
  const adds = category === 'additive' || (category === 'forward_only' && next.contract.length > old.contract.length);
  const rule = category === 'breaking' ? rules.onBreaking : adds ? rules.onAdditive : 'allow';
  if (rule === 'allow') return undefined;
  return `a${adds ? 'n additive' : ' breaking'} change of ${id} needs a new version: ${newVersionOf(next)}`;
};

const sideOf = (of: StoredDefinition | undefined): ModelChange['before'] =>
  of && { version: of.version, fingerprint: of.fingerprint };

/**
 * How a table differs from what is there. Undefined: in nothing. `old` undefined: it is new; `next` undefined: it is removed.
 */
export const compare = (
  old: StoredDefinition | undefined,
  next: StoredDefinition | undefined,
  options: CompareOptions = {},
): ModelChange | undefined => {
  const one = next ?? old;
  if (!one) return undefined;
  const contract = contractDifference(old?.contract ?? [], next?.contract ?? []);
  const change = {
    ...{ id: one.id, name: one.name, version: one.version, before: sideOf(old), after: sideOf(next), contract },
    diff: textDiff(
      { name: old?.file ?? '/dev/null', text: old?.text ?? '' },
      { name: next?.file ?? '/dev/null', text: next?.text ?? '' },
    ),
  };
  if (!old || !next)
    return {
      ...change,
      ...{ category: old ? 'removed' : 'new', direct: true, columns: [], rows: false, blocked: undefined },
      reasons: [old ? `${one.file} is gone` : `${one.file} is new`],
    };
  if (old.dataHash === next.dataHash && old.metaHash === next.metaHash && old.version === next.version)
    return undefined;
  const named = (set: ReadonlySet<string> | undefined) => set?.has(one.id) === true || set?.has(one.name) === true;
  const restate = named(options.restate);
  // A new version, and what is made again by name, is made whole.
  const asked = (next.forwardOnly || named(options.forwardOnly)) && !restate && old.version === next.version;
  const whyNot = asked ? whyNotForward(old, next) : [];
  const category = categoryOf(old, next, asked && whyNot.length === 0);
  return {
    ...change,
    category,
    direct: category === 'metadata' || saysOther(old, next),
    reasons: reasonsOf(old, next),
    columns: next.contract
      .map(({ name }) => name)
      .filter((name) => differing(old.columns, next.columns).includes(name)),
    rows: old.rowset !== next.rowset,
    blocked: blockedBy(category, old, next, { restate, whyNotForward: whyNot }),
  };
};
