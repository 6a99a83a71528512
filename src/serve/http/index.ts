export { type Check, type HttpApp, type HttpOptions, type HttpServer, httpServer } from './http-server.js';
