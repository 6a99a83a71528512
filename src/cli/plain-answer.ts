import type { Answer } from '../answer/run/index.js';
import { typeText, valueText } from '../query/index.js';
import type { PlainAnswer } from './print.js';

/** An answer of this process in the form that the server gives. */
export const plainAnswer = async (answer: Answer): Promise<PlainAnswer> => {
  const rows: (string | number | boolean | null)[][] = [];
  for await (const batch of answer.rows)
    for (let r = 0; r < batch.length; r++)
      rows.push(
        answer.columns.map((column, i) => {
          const value = batch.columns[i]?.[r] ?? null;
          return value === null || typeof value === 'number' || typeof value === 'boolean'
            ? value
            : valueText(column.type, value, answer.timezone);
        }),
      );
  return {
    columns: answer.columns.map((x) => ({
      name: x.name,
      type: typeText(x.type),
      ...(x.unit === undefined ? {} : { unit: x.unit }),
    })),
    rows,
    provenance: { ...answer.provenance() },
  };
};
