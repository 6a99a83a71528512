import { existsSync, readFileSync } from 'node:fs';
import { error } from '../../errors/index.js';
import type { LoadedModel } from '../../model/cube/index.js';
import type { Home } from '../home.js';
import type { ModelState } from './in-use.js';

/** The state that a server of this home has written; undefined when there is none. */
export const modelState = (home: Home): ModelState | undefined =>
  existsSync(home.model) ? (JSON.parse(readFileSync(home.model, 'utf8')) as ModelState) : undefined;

const never = (): never => {
  throw error('not-supported', { what: 'the files of the model have faults', instead: 'mend them: assay model check' });
};

/** Stands in where files have faults and a command needs none of their members. */
export const noModel: LoadedModel = {
  catalogue: {
    version: '',
    owners: new Map(),
    members: new Map(),
    joins: [],
    rollups: [],
    policies: new Map(),
    tables: new Map(),
    calendars: new Map(),
  },
  legs: { compile: never, measureOver: never },
};
