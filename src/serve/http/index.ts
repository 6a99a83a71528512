export { callerOf } from './guard.js';
export { type HttpApp, type HttpOptions, type HttpServer, httpServer } from './http-server.js';
export type { Check } from './probes.js';
export { failureOf, PROBLEM_TYPE, type Problem, problemOf } from './problem.js';
export { signalOf } from './signal.js';
