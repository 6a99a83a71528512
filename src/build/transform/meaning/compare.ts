import { type ContractDifference, contractDifference, lost } from './contract-difference.js';
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

const categoryOf = (old: StoredDefinition, next: StoredDefinition, forwardOnly: boolean): Category => {
  if (old.dataHash === next.dataHash) return 'metadata';
  if (!saysOther(old, next)) return 'indirect';
  if (keepsWhatWasThere(old, next)) return 'additive';
  const contract = contractDifference(old.contract, next.contract);
  return forwardOnly && lost(contract).length === 0 ? 'forward_only' : 'breaking';
};

const blockedBy = (
  category: Category,
  old: StoredDefinition,
  next: StoredDefinition,
  restate: boolean,
): string | undefined => {
  const { rules, id, name, version } = next;
  if (old.version !== version || restate || rules.mode === 'warn') return undefined;
  const rule = category === 'breaking' ? rules.onBreaking : category === 'additive' ? rules.onAdditive : 'allow';
  if (rule === 'allow') return undefined;
  const table = name.slice(name.indexOf('.') + 1);
  const way = `write ${table}.v${version + 1}.sql with deprecates: ${version}, or plan with --restate ${id}`;
  return `a${category === 'additive' ? 'n additive' : ' breaking'} change of ${id} needs a new version: ${way}`;
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
  const category = categoryOf(old, next, next.forwardOnly || named(options.forwardOnly));
  return {
    ...change,
    category,
    direct: category === 'metadata' || saysOther(old, next),
    reasons: reasonsOf(old, next),
    columns: next.contract
      .map(({ name }) => name)
      .filter((name) => differing(old.columns, next.columns).includes(name)),
    rows: old.rowset !== next.rowset,
    blocked: blockedBy(category, old, next, named(options.restate)),
  };
};
