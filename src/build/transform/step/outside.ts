import { error } from '../../../errors/index.js';
import { keyOfValue, partitionType } from './partition-keys.js';
import { type StepOrder, WHOLE } from './step.js';

/**
 * The partition of an order that a row belongs to, by the text of its partition column. Errors: `contract-broken`, which names the
 * value that is no partition, or the partition that is outside of the order's.
 */
export const partitionIn = (
  { transform, partitions }: Pick<StepOrder, 'transform' | 'partitions'>,
  text: string | null,
): string => {
  const { partition, columns, id: model, file } = transform;
  if (!partition) return WHOLE;
  const key = keyOfValue(text, partitionType(partition, columns), partition.unit);
  if (key === undefined)
    throw error('contract-broken', {
      ...{ model, file },
      what: `${partition.column} ${text ?? 'null'} is no ${partition.unit}: the partition column must hold the first instant of one`,
    });
  if (!partitions) return WHOLE;
  if (partitions.includes(key)) return key;
  throw error('contract-broken', {
    ...{ model, file },
    what: `the SELECT gave rows of partition ${key}, which is outside of ${partitions[0]} to ${partitions.at(-1)}; bound them by {{partition.start}} and {{partition.end}}`,
  });
};
