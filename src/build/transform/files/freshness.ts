import type { Check, ContractColumn, Partition, Transform } from './definition.js';
import type { YamlNode } from './yaml-reader.js';

const AGE = /^([1-9][0-9]*)([hd])$/;

/** `26h` or `2d` as hours. */
export const hoursOf = (node: YamlNode, what: string): number => {
  const match = AGE.exec(node.written(what));
  if (!match) throw node.fail(`${what} must be hours or days, such as 26h or 2d`);
  return Number(match[1]) * (match[2] === 'd' ? 24 : 1);
};

/** Whether a column says when a row happened: a date, a timestamp, or an integer that partitions are cut by. */
export const saysWhen = (
  { name, type }: Pick<ContractColumn, 'name' | 'type'>,
  partition: Partition | undefined,
): boolean => type.kind === 'date' || type.kind === 'timestamp' || name === partition?.column;

/** The column that `quality.freshness` looks at: the partition's, else the only timestamp, else the only date. Undefined: nobody can say. */
export const freshnessColumn = ({
  columns,
  partition,
}: Pick<Transform, 'columns' | 'partition'>): string | undefined => {
  if (partition) return partition.column;
  for (const kind of ['timestamp', 'date'] as const) {
    const found = columns.filter(({ type }) => type.kind === kind);
    if (found.length > 0) return found.length === 1 ? found[0]?.name : undefined;
  }
  return undefined;
};

/** The check that `quality.freshness` stands for; late data is told, and held back by nothing but a check of another severity. */
export const impliedFreshness = (transform: Transform): Check | undefined => {
  const column = freshnessColumn(transform);
  const hours = transform.freshnessHours;
  if (hours === undefined || column === undefined) return undefined;
  return {
    ...{ name: 'freshness', columns: [column], question: { type: 'freshness', hours }, severity: 'warn' },
    ...{ metric: 'timeliness', toleranceMillionths: 0n, place: { file: transform.file, line: 1 } },
  };
};
