import { resolve } from 'node:path';
import type { Command } from 'commander';
import { error } from '../errors/index.js';
import type { Context } from './context.js';
import { interruptible } from './interrupt.js';
import { sparkClassPath } from './spark-artifacts.js';
import { checkJava } from './spark-programs.js';
import { portFor, startSparkServer } from './spark-server.js';

interface UpFlags {
  readonly dir?: string;
  readonly port: string;
  readonly memory: string;
  readonly cores: string;
  readonly json?: boolean;
}

const wanted = (flag: string, value: string, pattern: RegExp, form: string): string => {
  if (!pattern.test(value)) throw error('usage', { text: `--${flag} ${value}: ${form} is wanted` });
  return value;
};

/** Runs a Spark Connect server until it is told to stop, or stops by itself. */
const up = (c: Context, flags: UpFlags): Promise<void> =>
  interruptible(async (signal) => {
    const asked = Number(wanted('port', flags.port, /^\d{1,5}$/, 'a port from 0 to 65535'));
    if (asked > 65_535) throw error('usage', { text: `--port ${flags.port}: a port from 0 to 65535 is wanted` });
    const memory = wanted('memory', flags.memory, /^[1-9]\d*[mgMG]$/, 'a size such as 512m or 4g');
    const cores = Number(wanted('cores', flags.cores, /^[1-9]\d{0,2}$/, 'a number of cores'));
    const dir = flags.dir === undefined ? resolve(c.config.home, 'spark') : resolve(flags.dir);
    await portFor(asked);
    await checkJava();
    const classPath = await sparkClassPath(dir, c.note);
    const port = await portFor(asked);
    const server = await startSparkServer({ dir, port, memory, cores, classPath, note: c.note }, signal);
    c.out(c.json ? `${JSON.stringify({ url: server.url })}\n` : `ASSAY_SPARK=${server.url}\n`);
    const told = new Promise<'told'>((done) => {
      if (signal.aborted) done('told');
      else signal.addEventListener('abort', () => done('told'), { once: true });
    });
    const end = await Promise.race([told, server.gone]);
    await server.stop();
    if (end !== 'told')
      throw error('spark-cannot-start', {
        why: 'the server stopped by itself',
        way: 'the lines above are Spark’s own',
      });
  });

/** `assay spark up`. */
export const sparkCommands = (cli: Command, context: (flags: { json?: boolean }) => Context): void => {
  const spark = cli.command('spark').description('a Spark Connect server for large transforms');
  spark
    .command('up')
    .description('run one on this machine (Java 17 and Maven are needed; only this machine can reach it)')
    .allowExcessArguments(false)
    .option('--dir <folder>', 'where its class path, warehouse and temporary files lie (default: HOME/spark)')
    .option('--port <n>', 'port on 127.0.0.1; 0 picks a free one', '15002')
    .option('--memory <size>', 'heap of the JVM', '4g')
    .option('--cores <n>', 'cores that it uses', '2')
    .option('--json', 'print JSON')
    .exitOverride((thrown) => {
      throw thrown;
    })
    .action((flags: UpFlags) => up(context(flags), flags));
};
