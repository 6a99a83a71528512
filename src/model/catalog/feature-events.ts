import type { LegQuery } from '../../query/index.js';
import type { Feature, FeatureCatalogue, FeatureView } from './features.js';
import type { Catalogue, Member } from './types.js';

const NONE: FeatureCatalogue = { entities: new Map(), views: new Map(), services: new Map() };
/** The features of a model; none where it has no `features/`. */
export const featuresOf = (catalogue: Catalogue): FeatureCatalogue => catalogue.features ?? NONE;

/** Where the parts of a view's events stand among the columns of its leg (0 for c0). */
export interface EventLayout {
  readonly leg: LegQuery;
  readonly key: number;
  readonly eventTime: number;
  readonly availableAt: number | undefined;
  /** What orders events of one time, the most telling first. */
  readonly ties: readonly number[];
  /** By member: dimensions as they are, measures as what the one event adds to them. */
  readonly at: ReadonlyMap<string, number>;
}

/** Members that a measure's value is computed from where single events do not add up (distinct counts). */
export const countedBy = (measure: Member): readonly string[] => measure.reads ?? [];

/** The query that gives a view's events one by one, with what some of its features need. Conditions are added by who runs it. */
export const eventsOf = (view: FeatureView, features: readonly Feature[], catalogue: Catalogue): EventLayout => {
  const keys = [...catalogue.members.values()].filter((m) => m.owner === view.cube && m.primaryKey).map((m) => m.name);
  const ties = [...(view.ingestOrder === undefined ? [] : [view.ingestOrder]), ...keys];
  const dimensions: string[] = [];
  const dimension = (name: string): number => {
    const known = dimensions.indexOf(name);
    return known >= 0 ? known : dimensions.push(name) - 1;
  };
  const entity = featuresOf(catalogue).entities.get(view.entity);
  const key = dimension(entity?.key ?? '');
  const eventTime = dimension(view.eventTime);
  const availableAt = view.availableAt === undefined ? undefined : dimension(view.availableAt);
  const tied = ties.map(dimension);
  const measures = new Set<string>();
  for (const feature of features) {
    if (feature.kind === 'last') dimension(feature.dimension);
    else {
      const member = catalogue.members.get(feature.measure);
      if (member?.additivity === 'count_distinct') countedBy(member).forEach(dimension);
      else measures.add(feature.measure);
    }
  }
  const names = [...dimensions, ...measures];
  return {
    key,
    eventTime,
    availableAt,
    ties: tied,
    at: new Map(names.map((name, i) => [name, i])),
    leg: {
      measures: [...measures],
      dimensions,
      time: [],
      segments: [],
      where: [],
      having: [],
      order: [],
      ungrouped: true,
      timezone: 'UTC',
    },
  };
};
