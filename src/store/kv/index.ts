export * from './kv.js';
export { type KvOptions, openKv } from './open.js';
