import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { error } from '../errors/index.js';
import { JAVA } from './spark-programs.js';

const HOST = '127.0.0.1';

export interface SparkServerOptions {
  /** Absolute: class path, warehouse and temporary files. */
  readonly dir: string;
  readonly port: number;
  /** Heap, as Java writes it: `4g`. */
  readonly memory: string;
  readonly cores: number;
  readonly classPath: string;
  /** Lines that Spark prints. */
  readonly note: (text: string) => void;
}

export interface SparkServer {
  readonly url: string;
  /** Resolves with the exit code when the JVM has gone, by whatever cause. */
  readonly gone: Promise<number>;
  stop(): Promise<void>;
}

/** Reflection into the JDK that Spark needs since Java 17. */
const OPENED = [
  'java.lang',
  'java.lang.invoke',
  'java.lang.reflect',
  'java.io',
  'java.net',
  'java.nio',
  'java.util',
  'java.util.concurrent',
  'java.util.concurrent.atomic',
  'jdk.internal.ref',
  'sun.nio.ch',
  'sun.nio.cs',
  'sun.security.action',
  'sun.util.calendar',
].map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`);

const MACHINE = [
  '-XX:+IgnoreUnrecognizedVMOptions',
  '--add-modules=jdk.incubator.vector',
  ...OPENED,
  '--add-opens=java.security.jgss/sun.security.krb5=ALL-UNNAMED',
  '--enable-native-access=ALL-UNNAMED',
  '-Dio.netty.tryReflectionSetAccessible=true',
  '-Duser.timezone=UTC',
];

/** Failed statements are told to the client; the log has what is wrong with the server. */
const LOG = `status = error
rootLogger.level = error
rootLogger.appenderRef.err.ref = err
appender.err.type = Console
appender.err.name = err
appender.err.target = SYSTEM_ERR
appender.err.layout.type = PatternLayout
appender.err.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n%ex{short}
logger.executor.name = org.apache.spark.executor
logger.executor.level = off
logger.scheduler.name = org.apache.spark.scheduler
logger.scheduler.level = off
logger.connect.name = org.apache.spark.sql.connect.utils.ErrorUtils
logger.connect.level = off
logger.utils.name = org.apache.spark.util.Utils
logger.utils.level = off
`;

const settings = ({ dir, port, cores }: SparkServerOptions): Readonly<Record<string, string>> => ({
  'spark.app.name': 'assay',
  'spark.master': `local[${cores}]`,
  'spark.ui.enabled': 'false',
  'spark.ui.showConsoleProgress': 'false',
  'spark.driver.host': HOST,
  'spark.driver.bindAddress': HOST,
  'spark.connect.grpc.binding.address': HOST,
  'spark.connect.grpc.binding.port': String(port),
  'spark.local.dir': join(dir, 'tmp'),
  'spark.sql.warehouse.dir': `file://${encodeURI(join(dir, 'warehouse'))}`,
  'spark.sql.extensions': 'io.delta.sql.DeltaSparkSessionExtension',
  'spark.sql.catalog.spark_catalog': 'org.apache.spark.sql.delta.catalog.DeltaCatalog',
  'spark.sql.session.timeZone': 'UTC',
  'spark.sql.ansi.enabled': 'true',
  'spark.sql.parquet.outputTimestampType': 'TIMESTAMP_MICROS',
  'spark.sql.shuffle.partitions': String(cores),
  'spark.databricks.delta.snapshotPartitions': '2',
  'spark.connect.progress.reportInterval': '1s',
});

/**
 * The shell between us and the JVM holds the end of a pipe of ours: when this process dies, however it dies, the pipe closes
 * and the JVM is stopped. It also keeps Spark off every address but loopback.
 */
const SHELL = `exec 3<&0
export SPARK_LOCAL_IP=${HOST}
${JAVA} "$@" </dev/null 3<&- &
jvm=$!
trap 'kill $jvm 2>/dev/null' INT TERM HUP
( trap '' INT TERM HUP; cat <&3 >/dev/null; kill $jvm 2>/dev/null; sleep 5; kill -9 $jvm 2>/dev/null ) >/dev/null 2>&1 &
watcher=$!
exec 3<&-
wait $jvm; code=$?
while kill -0 $jvm 2>/dev/null; do wait $jvm; code=$?; done
kill -9 $watcher 2>/dev/null
exit $code`;

/** True when somebody answers at a port of loopback. */
const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: HOST, port });
    const end = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });

/** The port itself when it is free, for 0 any free one. Errors: `port-in-use`. */
export const portFor = (port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', () => reject(error('port-in-use', { port, setting: '--port' })));
    server.listen({ port, host: HOST, exclusive: true }, () => {
      const address = server.address();
      const found = typeof address === 'object' && address ? address.port : port;
      server.close(() => resolve(found));
    });
  });

const launch = (options: SparkServerOptions): ChildProcess => {
  const { dir, memory, classPath } = options;
  for (const folder of ['warehouse', 'tmp']) mkdirSync(join(dir, folder), { recursive: true });
  const log = join(dir, 'log4j2.properties');
  writeFileSync(log, LOG);
  const args = [
    ...MACHINE,
    `-Xmx${memory}`,
    `-Djava.io.tmpdir=${join(dir, 'tmp')}`,
    `-Dlog4j2.configurationFile=file://${encodeURI(log)}`,
    `-Dderby.system.home=${dir}`,
    ...Object.entries(settings(options)).map(([key, value]) => `-D${key}=${value}`),
    '-cp',
    classPath,
    'org.apache.spark.sql.connect.service.SparkConnectServer',
  ];
  return spawn('sh', ['-c', SHELL, 'spark', ...args], { cwd: dir, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
};

/** Starts a server on loopback and waits until it answers. Errors: `spark-cannot-start`. */
export const startSparkServer = async (options: SparkServerOptions, signal: AbortSignal): Promise<SparkServer> => {
  const child = launch(options);
  let over = false;
  const last: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    if (stream)
      createInterface({ input: stream }).on('line', (line) => {
        if (line.startsWith('WARNING: Using incubator modules')) return;
        last.push(line);
        if (last.length > 50) last.shift();
        options.note(line);
      });
  const gone = new Promise<number>((resolve) => {
    child.once('error', () => resolve(1));
    child.once('close', (code) => resolve(code ?? 1));
  }).then((code) => {
    over = true;
    return code;
  });
  const stop = async (): Promise<void> => {
    if (!over) child.kill('SIGTERM');
    child.stdin?.end();
    await gone;
  };
  while (!over && !(await answers(options.port))) {
    if (signal.aborted) {
      await stop();
      throw error('cancelled', {});
    }
    await pause(100);
  }
  if (over) {
    if (/Address already in use|BindException/.test(last.join('\n')))
      throw error('port-in-use', { port: options.port, setting: '--port' });
    throw error('spark-cannot-start', {
      why: /Could not reserve enough space|insufficient memory/i.test(last.join('\n'))
        ? `there is no memory for a heap of ${options.memory}`
        : 'the server stopped before it answered',
      way: 'the lines above are Spark’s own; --memory and --cores set how much it takes',
    });
  }
  return { url: `sc://${HOST}:${options.port}`, gone, stop };
};
