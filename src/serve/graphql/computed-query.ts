import { error } from '../../errors/index.js';
import type { Comparison, MeasureItem, Totals } from '../../query/index.js';
import { filterOf, type Paths } from './filters.js';

/** Arguments of a view's field, as the schema typed them. */
export interface ComputedArguments {
  readonly measures?:
    | readonly {
        readonly measure: string;
        readonly as: string;
        readonly where?: Readonly<Record<string, unknown>> | null;
        readonly trailing?: string | null;
        readonly toDate?: string | null;
      }[]
    | null;
  readonly compare?:
    | readonly { readonly as: string; readonly shift: string; readonly show?: Comparison['show'] | null }[]
    | null;
  readonly totals?: Totals | null;
  readonly fill?: boolean | null;
  readonly rows?: boolean | null;
  readonly drill?: string | null;
}

/** The measures that arguments ask for. Errors: `query-invalid`. */
export const computedMeasures = (args: ComputedArguments, paths: Paths): readonly MeasureItem[] =>
  (args.measures ?? []).map(({ measure, as, where, trailing, toDate }, i): MeasureItem => {
    const filter = filterOf(where ?? {}, paths, `measures[${i}].where`);
    if (trailing && toDate)
      throw error('query-invalid', { where: `measures[${i}]`, what: 'trailing or toDate, not both' });
    const window = trailing ? { trailing } : toDate ? { toDate } : undefined;
    return { measure, as, ...(filter ? { where: filter } : {}), ...(window ? { window } : {}) };
  });

/** Comparisons and totals of a query. */
export const computedParts = ({ compare, totals, rows, drill }: ComputedArguments) => ({
  ...(drill ? { drill } : {}),
  ...(rows ? { rows } : {}),
  ...(compare?.length
    ? { compare: compare.map(({ as, shift, show }) => ({ as, shift, ...(show ? { show } : {}) })) }
    : {}),
  ...(totals ? { totals } : {}),
});
