export { type BuildResult, build } from './build.js';
export type { BuildOptions } from './options.js';
export { parquetSession } from './parquet-session.js';
export * from './publication.js';
export { openPublications, type Publications } from './publications.js';
