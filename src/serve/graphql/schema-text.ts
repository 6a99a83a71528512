import { printSchema } from 'graphql/index.js';
import { error } from '../../errors/index.js';
import type { Catalogue } from '../../model/catalog/index.js';
import type { Access } from '../../model/policy/index.js';
import { noEmit } from '../../query/index.js';
import { buildSchema } from './build-schema.js';

/** The SDL for one visibility; `schema/api/schema.graphql` is that of `admin`. */
export const schemaText = (catalogue: Catalogue, access: Access): string =>
  `${printSchema(buildSchema(catalogue, access, { query: printOnly, explain: printOnly }, noEmit, printOnly))}\n`;

const printOnly = (): Promise<never> => Promise.reject(error('not-supported', { what: 'this schema is for printing' }));
