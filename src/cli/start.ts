import { cpSync, existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { error } from '../errors/index.js';
import { loadModel } from '../model/cube/index.js';
import { demoTokens } from '../serve/auth/index.js';
import { openTelemetry } from '../telemetry/index.js';
import { type Context, loopbackOnly, openServing, sampleFile, secretsOf } from './context.js';
import { loadDemo } from './demo.js';
import { demoMark, explainIo, isEmptyHome, makeFolder, openHome, ownerOf, takeHome, writeRun } from './home.js';
import { refused } from './model/in-use.js';

export interface StartFlags {
  readonly demo: boolean;
  /** Stop the server that runs for this home, once the new model has proven to compile. */
  readonly replace: boolean;
}

/** Serves until a signal comes. Resolves when everything is down again. */
export const start = async (context: Context, flags: StartFlags): Promise<void> => {
  const { config, home } = context;
  const began = Date.now();
  const mark = demoMark(home);
  const demo = flags.demo && config.demoAllowed && (isEmptyHome(home) || (existsSync(home.dir) && mark.pending()));
  openHome(home);
  // The model first: a broken one is told with file and line while the old process goes on.
  const model = await loadModel(config.model);
  const owner = ownerOf(home);
  if (owner !== undefined && flags.replace) await stopProcess(owner);
  const release = takeHome(home);
  const telemetry = openTelemetry(config);
  telemetry.subscribe('notice', ({ message }) => context.note(message));
  try {
    if (demo) mark.begin();
    const secrets = secretsOf(config, home, demo);
    if (secrets.jwt === undefined)
      throw error('config-missing', {
        name: 'ASSAY_JWT_SECRET',
        why: 'tokens are signed with it, and only the demo has one of its own',
      });
    if (secrets.demo) loopbackOnly(config);
    context.note('starting PostgreSQL, DuckDB and the model');
    const app = await openServing(context, telemetry, secrets, model);
    const quit = untilSignal();
    telemetry.subscribe('model.replaced', ({ version }) => context.note(`model ${version} in use`));
    telemetry.subscribe('model.refused', ({ faults, file, line, what }) =>
      context.note(
        `the model was not replaced: ${file}:${line}: ${what}${faults > 1 ? ` (and ${faults - 1} more)` : ''}`,
      ),
    );
    telemetry.subscribe('model.missing', ({ faults, file, line, what }) =>
      context.note(
        `the model names what is not there: ${file}:${line}: ${what}${faults > 1 ? ` (and ${faults - 1} more)` : ''}`,
      ),
    );
    process.on('SIGHUP', () => {
      void app
        .reload()
        .then(
          (replaced) => replaced || context.note(`model ${app.model().catalogue.version} is in use already`),
          refused(telemetry.emit),
        );
    });
    try {
      if (demo)
        await Promise.race([loadDemo(app, { file: sampleFile(context.root), progress: context.note }), quit.promise]);
      if (!quit.asked()) {
        const serving = await app.serve();
        if (secrets.demo)
          await demoTokens({
            file: home.tokens,
            secret: secrets.jwt,
            issuer: config.jwtIssuer,
            audience: config.jwtAudience,
            emit: telemetry.emit,
          });
        writeRun(home, {
          pid: process.pid,
          started: new Date().toISOString(),
          ...serving,
          warehouse: app.warehouseUrl,
          session: app.sessionUrl(),
          model: config.model,
          transforms: config.transforms,
        });
        const http = `http://${serving.http.host}:${serving.http.port}`;
        const sql = `postgres://${serving.sql.host}:${serving.sql.port}/assay`;
        telemetry.emit('process.ready', { http, sql, milliseconds: Date.now() - began });
        context.out(`ready http=${http} sql=${sql}\n`);
        if (secrets.demo) context.out(tryLines(http, serving.sql, home.tokens));
        await quit.promise;
      }
      telemetry.emit('process.stopping', { reason: quit.reason() });
    } finally {
      await app.close();
    }
  } finally {
    await telemetry.close();
    release();
  }
};

/** Lines that can be pasted as they are. */
const tryLines = (http: string, sql: { readonly host: string; readonly port: number }, tokens: string): string => {
  const token = `$(node -p "require('${tokens}').data_analyst")`;
  return [
    `curl -s ${http}/api/v2/query -H "Authorization: Bearer ${token}" -H 'Content-Type: application/json' -d '{"measures":["retail.net_revenue"],"dimensions":["retail.country"],"order":[{"by":"retail.net_revenue","dir":"desc"}],"limit":5}'`,
    `curl -s ${http}/graphql -H "Authorization: Bearer ${token}" -H 'Content-Type: application/json' -d '{"query":"{ retail(orderBy: [{by: net_revenue, dir: desc}], first: 5) { nodes { country net_revenue } } }"}'`,
    `PGPASSWORD="${token}" psql -h ${sql.host} -p ${sql.port} -U data_analyst assay -c 'SELECT country, MEASURE(net_revenue) FROM retail GROUP BY 1 ORDER BY 2 DESC LIMIT 5'`,
    `curl -s "${http}/api/v2/search?q=revenue+per+country" -H "Authorization: Bearer ${token}"`,
    '',
  ].join('\n');
};

/** Resolves on the first SIGINT or SIGTERM; a second one ends the process at once. */
const untilSignal = () => {
  let reason = '';
  let resolve: () => void = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      if (reason !== '') process.exit(130);
      reason = signal;
      resolve();
    });
  return { promise, asked: () => reason !== '', reason: () => reason };
};

/** Asks a process to end and waits until it has gone. */
export const stopProcess = async (pid: number): Promise<void> => {
  process.kill(pid, 'SIGTERM');
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'ESRCH') return;
      throw thrown;
    }
    await new Promise((done) => setTimeout(done, 50));
  }
};

/** Copies the example's model and transforms into a folder of the user's own. Errors: `usage` when something stands there. */
export const init = (context: Context, dir: string): void => {
  try {
    makeFolder(resolve(dir)); // not cpSync's own: Node 20 never returns from a recursive mkdir below /proc
  } catch (thrown) {
    throw explainIo(thrown, dir);
  }
  for (const part of ['model', 'transforms']) {
    const to = join(dir, part);
    if (existsSync(to)) throw error('usage', { text: `${to} is there already; nothing was written` });
  }
  for (const part of ['model', 'transforms']) cpSync(join(context.root, part), join(dir, part), { recursive: true });
};
