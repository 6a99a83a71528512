import { AssayError } from '../../../errors/index.js';
import type { Dialect } from '../../../query/index.js';
import { type Catalogue, countedBy, eventsOf, type FeatureView, featuresOf } from '../../catalog/index.js';
import type { LegCompiler } from '../compiler.js';
import type { Report } from '../faults.js';
import { invalid } from '../model-files.js';

const DIALECTS: readonly Dialect[] = ['duckdb', 'postgres'];

/** Why a view's events cannot be read; undefined when they can. */
const faultOf = (view: FeatureView, catalogue: Catalogue, legs: LegCompiler): string | undefined => {
  const { leg } = eventsOf(view, view.features, catalogue);
  for (const dialect of DIALECTS)
    try {
      const compiled = legs.compile(leg, dialect);
      if (compiled.cubes[0] !== view.cube) return `its members join from ${compiled.cubes[0]}, not from ${view.cube}`;
      if (compiled.multiplied.includes(view.cube))
        return `a join gives several rows for one event of ${view.cube}; features take members that each event has one of`;
    } catch (thrown) {
      if (!(thrown instanceof AssayError)) throw thrown;
      const cause = thrown.cause instanceof Error ? ` (${thrown.cause.message.split('\n')[0]})` : '';
      return `${thrown.message}${cause}`;
    }
  return undefined;
};

/** Compiles the events of every view, and what counts distinct values among them, in both dialects. */
export const checkFeatures = (catalogue: Catalogue, legs: LegCompiler, report: Report): void => {
  for (const view of featuresOf(catalogue).views.values()) {
    const fault = faultOf(view, catalogue, legs);
    if (fault !== undefined) report(invalid(view.place.file, view.place.line, `${view.name}: ${fault}`));
    for (const feature of view.features) {
      const member = feature.kind === 'window' ? catalogue.members.get(feature.measure) : undefined;
      if (member?.additivity !== 'count_distinct') continue;
      const columns = new Map(countedBy(member).map((name, i) => [name, `x${i}`]));
      if (DIALECTS.some((dialect) => legs.measureOver(member.name, columns, dialect) === undefined))
        report(
          invalid(
            feature.place.file,
            feature.place.line,
            `${feature.path}: ${member.name} counts an expression over columns; let it count dimensions, such as "{invoice_key}"`,
          ),
        );
    }
  }
};
