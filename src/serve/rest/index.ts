export { decodeQuery } from './decode.js';
export { decodeHistorical, decodeOnline, decodeSkew, featureRoutes } from './feature-routes.js';
export { MetricQuerySchema } from './metric-query-schema.js';
export { openApiDocument } from './open-api.js';
export { type RestOptions, restRoutes } from './rest-routes.js';
