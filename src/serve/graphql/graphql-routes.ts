import type { Ask } from '../../answer/run/index.js';
import type { Catalogue } from '../../model/catalog/index.js';
import type { Access } from '../../model/policy/index.js';
import type { Caller, Emit } from '../../query/index.js';
import type { HttpApp } from '../http/index.js';

export interface GraphqlOptions {
  readonly ask: Ask;
  /** The model in use now; a reload gives another. */
  readonly catalogue: () => Catalogue;
  readonly access: (caller: Caller) => Access;
  readonly emit: Emit;
}

/** Adds `/graphql` to a server that does not listen yet. */
export const graphqlRoutes = (_app: HttpApp, _options: GraphqlOptions): void => {};
