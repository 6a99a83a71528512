export * from './publication.js';
