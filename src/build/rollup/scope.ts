import { type LegFilter, timestampText } from '../../query/index.js';
import type { StoredLayout } from './layout.js';
import type { Span } from './span.js';

/** The partitions that a build makes anew: by time, and whether rows without a time are among them. */
export interface Scope {
  readonly spans: readonly Span[];
  readonly nulls: boolean;
}

/** Spans that touch each other, as one: conditions stay short however many days moved. */
const merged = (spans: readonly Span[]): { from: bigint; to: bigint }[] => {
  const sorted = [...spans].sort((a, b) => (a.from < b.from ? -1 : 1));
  const runs: { from: bigint; to: bigint }[] = [];
  for (const { from, to } of sorted) {
    const last = runs[runs.length - 1];
    if (last && last.to === from) last.to = to;
    else runs.push({ from, to });
  }
  return runs;
};

/** The conditions on a rollup's time that keep to a scope; none for the whole rollup. */
export const scopeFilters = (layout: StoredLayout, scope: Scope | undefined): readonly LegFilter[] => {
  const member = layout.definition.timeDimension;
  if (scope === undefined || member === undefined) return [];
  const parts: LegFilter[] = merged(scope.spans).map(({ from, to }) => ({
    member,
    op: 'between',
    values: [timestampText(from), timestampText(to)],
  }));
  if (scope.nulls) parts.push({ member, op: 'isNull' });
  return parts.length === 0 ? [{ member, op: 'never' }] : parts.length === 1 ? parts : [{ or: parts }];
};
