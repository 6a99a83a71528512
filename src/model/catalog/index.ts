export * from './duration.js';
export * from './feature-events.js';
export * from './features.js';
export * from './place.js';
export * from './types.js';
