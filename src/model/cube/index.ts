export * from './compiler.js';
export { type LoadedModel, loadModel } from './load-model.js';
