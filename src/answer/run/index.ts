export * from './ask.js';
export * from './make-ask.js';
export * from './parts.js';
