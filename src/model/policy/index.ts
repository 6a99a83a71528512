export type { Access, Rules } from './access.js';
export { accessOf } from './access-of.js';
