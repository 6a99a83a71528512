export * from './compiler.js';
export type { Fault } from './faults.js';
export { type CheckedModel, checkModel, type LoadedModel, loadModel } from './load-model.js';
export { featureSchema, modelSchema } from './model-schema.js';
export { type Probe, probeOf, probes } from './probes.js';
