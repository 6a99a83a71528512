import { type Explanation, typeText } from '../../query/index.js';

/** Our own plan of a block, a line each: where its rows come from and why. */
export const explainLines = (explanations: readonly Explanation[]): readonly string[] =>
  explanations.flatMap((e, i) => [
    `Block ${i + 1}: ${e.plan} (${e.source})`,
    `  model version: ${e.modelVersion}`,
    ...e.columns.map((c) => `  column: ${c.name} ${typeText(c.type)}`),
    ...e.tables.map((t) => `  table: ${t.table} version ${t.version}`),
    ...e.candidates.map(
      (c) =>
        `  rollup ${c.rollup}: ${c.verdict}${c.members.length > 0 ? ` (${c.members.join(', ')})` : ''}${c.detail ? `: ${c.detail}` : ''}`,
    ),
    ...e.policies.map((p) => `  policy: ${p}`),
    ...(e.statements ?? []).flatMap((s) => [`  ${s.engine}:`, ...s.sql.split('\n').map((line) => `    ${line}`)]),
  ]);
