export * from './caller.js';
export * from './event.js';
export * from './leg.js';
export * from './metric-query.js';
export * from './provenance.js';
export * from './rollup-spec.js';
export * from './types.js';
export * from './values.js';
