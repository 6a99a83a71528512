export { type BuildOptions, type BuildResult, build } from './build.js';
export * from './publication.js';
export { openPublications, type Publications } from './publications.js';
