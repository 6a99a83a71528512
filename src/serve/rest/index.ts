export { openApiDocument } from './open-api.js';
export { type RestOptions, restRoutes } from './rest-routes.js';
