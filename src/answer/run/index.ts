export * from './ask.js';
