import { error } from '../../errors/index.js';
import type { Catalogue } from '../../model/catalog/index.js';
import type { Access } from '../../model/policy/index.js';

/** The SDL for one visibility; `schema/api/schema.graphql` is that of `admin`. */
export const schemaText = (_catalogue: Catalogue, _access: Access): string => {
  throw error('not-supported', { what: 'graphql' });
};
