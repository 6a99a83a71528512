/**
 * Cube reads some seventeen environment names while it compiles. Whatever the outside has set for another Cube must not change our
 * statements, so every one of its names is removed, and the few that we want are set. Must run before Cube is loaded.
 */
export const settleCubeEnvironment = (environment: Record<string, string | undefined> = process.env): void => {
  for (const name of Object.keys(environment))
    if (name.startsWith('CUBEJS_') || name === 'REDIS_URL') delete environment[name];
  // The JavaScript planner: deterministic, and open to subclassing. The native one is not.
  environment['CUBEJS_TESSERACT_SQL_PLANNER'] = 'false';
  environment['CUBEJS_TELEMETRY'] = 'false';
};
