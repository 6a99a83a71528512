export type { Materialized, MaterializeRequest } from './online/materialize.js';
export type { OnlineAnswer, ValueState } from './online/online.js';
export type { Freshness, ServiceDescription } from './open.js';
export { type Features, openFeatures } from './open.js';
export type { FeatureParts } from './parts.js';
export type * from './request.js';
export type { FeatureSkew } from './skew.js';
