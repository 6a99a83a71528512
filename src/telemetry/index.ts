export type { LogTarget } from './log.js';
export { openTelemetry, type Telemetry } from './open-telemetry.js';
