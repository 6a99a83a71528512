import type { Ask } from '../../answer/run/index.js';
import type { SearchAnswer, SearchRequest } from '../../answer/search/index.js';
import type { Catalogue } from '../../model/catalog/index.js';
import type { Access } from '../../model/policy/index.js';
import type { Caller, TableVersion } from '../../query/index.js';
import type { HttpApp } from '../http/index.js';

export interface RestOptions {
  readonly ask: Ask;
  /** The model in use now; a reload gives another. */
  readonly catalogue: () => Catalogue;
  readonly access: (caller: Caller) => Access;
  readonly search: (request: SearchRequest, caller: Caller) => SearchAnswer | Promise<SearchAnswer>;
  /** Data versions of the tables of the current publication. */
  readonly versions: () => readonly TableVersion[] | Promise<readonly TableVersion[]>;
}

/** Adds REST to a server that does not listen yet. */
export const restRoutes = (_app: HttpApp, _options: RestOptions): void => {};
