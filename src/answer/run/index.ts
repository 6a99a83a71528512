export * from './ask.js';
export * from './make-ask.js';
export * from './parts.js';
export { openQueryLog, type QueryLog, type ShapeCount } from './query-log.js';
