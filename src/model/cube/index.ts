export * from './compiler.js';
