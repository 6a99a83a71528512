import { error } from '../../errors/index.js';
import type { Caller } from '../../query/index.js';
import type { Catalogue } from '../catalog/index.js';
import type { Access } from './access.js';

/** What a caller may see of a catalogue. Errors: none here; rules that cannot be evaluated let no row pass. */
export const accessOf = (_catalogue: Catalogue, _caller: Caller): Access => {
  throw error('not-supported', { what: 'policies are not loaded' });
};
