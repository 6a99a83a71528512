import { error } from '../../errors/index.js';
import { type DataType, isNumeric, type Shown } from '../../query/index.js';
import type { AskedMeasure } from './question.js';

/** Ratios of two periods have six digits behind the point. */
const RATIO: DataType = { kind: 'decimal', precision: 18, scale: 6 };

/** The type of a comparison's column. Errors: `query-invalid` for differences and ratios of what is no exact number. */
export const comparedType = ({ name, member }: AskedMeasure, shown: Shown): DataType => {
  const { type } = member;
  if (shown === 'value') return type;
  if (!isNumeric(type) || type.kind === 'double')
    throw error('query-invalid', { where: 'compare', what: `${name} has no exact number, so it has no ${shown}` });
  if (shown === 'ratio') return RATIO;
  return type.kind === 'integer' ? { kind: 'bigint' } : type;
};
