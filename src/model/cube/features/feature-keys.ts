import type { FileForm } from '../check-keys.js';
import type { Wanted } from '../model-keys.js';

const each = (group: string): Wanted => ({ each: { object: group } });
const described: Readonly<Record<string, Wanted>> = { title: 'text', description: 'text' };

/** Every key that a file below `features/` may hold. */
export const FEATURE_FILES: FileForm = {
  what: 'a file of features holds the keys entities, feature_views or feature_services',
  keys: {
    file: {
      keys: {
        entities: each('entity'),
        feature_views: each('featureView'),
        feature_services: each('featureService'),
      },
    },
    entity: {
      required: ['name', 'key'],
      keys: { name: 'text', key: 'text', type: { oneOf: ['string', 'integer', 'bigint'] }, ...described },
    },
    featureView: {
      required: ['name', 'entity', 'cube', 'event_time', 'features'],
      keys: {
        name: 'text',
        entity: 'text',
        cube: 'text',
        event_time: 'text',
        available_at: 'text',
        ingest_order: 'text',
        features: each('feature'),
        ttl: 'text',
        online: 'flag',
        refresh: { object: 'refresh' },
        owner: 'text',
        ...described,
      },
      refused: { source: 'features are made of cubes; name one under cube' },
    },
    refresh: { required: ['on'], keys: { on: { oneOf: ['data_version', 'never'] } } },
    feature: {
      required: ['name'],
      keys: {
        name: 'text',
        measure: 'text',
        window: 'text',
        dimension: 'text',
        take: { oneOf: ['last'] },
        ...described,
      },
      refused: { transform: 'features are measures and dimensions; put the expression into the cube' },
    },
    featureService: {
      required: ['name', 'features'],
      keys: { name: 'text', features: { each: 'text' }, owner: 'text', ...described },
    },
  },
};
