export type { Access, Rules } from './access.js';
export { accessOf } from './access-of.js';
export { nearest } from './nearest.js';
