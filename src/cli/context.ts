import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type App, openApp } from '../app.js';
import type { Config } from '../config/index.js';
import { error } from '../errors/index.js';
import type { LoadedModel } from '../model/cube/index.js';
import { openTelemetry, type Telemetry } from '../telemetry/index.js';
import { demoSecrets, type Home, homeAt, openHome, type RunFile, readRun, takeHome } from './home.js';

/** What every command works with. */
export interface Context {
  readonly config: Config;
  readonly root: string;
  readonly home: Home;
  readonly json: boolean;
  /** To standard output: a command's result. */
  readonly out: (text: string) => void;
  /** To standard error: progress and notices. */
  readonly note: (text: string) => void;
}

export interface Secrets {
  readonly jwt: string | undefined;
  readonly pseudonym: string | undefined;
  /** True when the secrets were made by the demo for this home: then nothing may listen beyond loopback. */
  readonly demo: boolean;
}

/** Configured secrets; in a demo home those that the demo made. Never a default that others could know. */
export const secretsOf = (config: Config, home: Home, demo: boolean): Secrets => {
  const made = demo || (existsSync(home.secrets) && config.demoAllowed) ? demoSecrets(home) : undefined;
  return {
    jwt: config.jwtSecret ?? made?.jwt,
    pseudonym: config.pseudonymKey ?? made?.pseudonym,
    demo: config.jwtSecret === undefined && made !== undefined,
  };
};

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);
/** Demo secrets serve on loopback only. Errors: `config-invalid`. */
export const loopbackOnly = (config: Config): void => {
  for (const [name, host] of [
    ['ASSAY_HTTP_HOST', config.httpHost],
    ['ASSAY_SQL_HOST', config.sqlHost],
  ] as const)
    if (!LOOPBACK.has(host))
      throw error('config-invalid', {
        name,
        value: host,
        wanted: 'with the demo’s secrets only loopback is served; set ASSAY_JWT_SECRET to serve others',
      });
};

/**
 * Opens the app for one command and closes it again: joined to the server that runs for this home, or on its own under the home's
 * lock. `signal` ends what works on tables; `model` is one that was read already. Errors: `home-in-use` while another command or a starting server holds the home.
 */
export const withApp = async <T>(
  context: Context,
  work: (app: App, telemetry: Telemetry) => Promise<T>,
  signal?: AbortSignal,
  model?: LoadedModel,
): Promise<T> => {
  const { home, root } = context;
  openHome(home);
  const run = readRun(home);
  const config = besideServer(context.config, run);
  const release = run ? undefined : takeHome(home);
  const telemetry = openTelemetry(config);
  const onNotice = telemetry.subscribe('notice', ({ message }) => context.note(message));
  try {
    const secrets = secretsOf(config, home, false);
    const app = await openApp({
      config,
      root,
      serves: false,
      mode: run ? { kind: 'join', warehouse: run.warehouse } : { kind: 'own' },
      telemetry,
      jwtSecret: undefined,
      pseudonymKey: secrets.pseudonym,
      signal,
      ...(model && { model }),
    });
    try {
      return await work(app, telemetry);
    } finally {
      await app.close();
    }
  } finally {
    onNotice();
    await telemetry.close();
    release?.();
  }
};

/**
 * A command beside a running server works with the server's model and transforms, not with whatever its own environment says.
 * Errors: `usage` when the environment names other transforms on purpose.
 */
export const besideServer = (config: Config, run: RunFile | undefined): Config => {
  if (!run) return config;
  if (config.transformsGiven && config.transforms !== run.transforms)
    throw error('usage', {
      text: `the server of this home works with the transforms in ${run.transforms}, not with ${config.transforms}; unset ASSAY_TRANSFORMS, or start the server with it (assay start --replace)`,
    });
  return { ...config, model: run.model, transforms: run.transforms, transformsGiven: true };
};

/** Opens the app for serving; the caller holds the home's lock. */
export const openServing = (
  context: Context,
  telemetry: Telemetry,
  secrets: Secrets,
  model: LoadedModel,
): Promise<App> =>
  openApp({
    config: context.config,
    root: context.root,
    serves: true,
    mode: { kind: 'own' },
    telemetry,
    jwtSecret: secrets.jwt,
    pseudonymKey: secrets.pseudonym,
    model,
  });

export const contextOf = (config: Config, root: string, json: boolean): Context => ({
  config,
  root,
  home: homeAt(config.home, config.lake),
  json,
  out: (text) => process.stdout.write(text),
  note: (text) => process.stderr.write(`${text}\n`),
});

export const sampleFile = (root: string): string => join(root, 'data', 'online-retail-sample.csv');
