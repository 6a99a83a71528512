import { spawn } from 'node:child_process';
import { error } from '../errors/index.js';

export interface Ended {
  readonly missing: boolean;
  readonly code: number | undefined;
  readonly output: string;
}

/** Runs a program of the PATH to its end and gives what it printed, both ways. */
export const runProgram = (name: string, args: readonly string[]): Promise<Ended> =>
  new Promise((resolve) => {
    const child = spawn(name, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const take = (chunk: Buffer) => {
      output += chunk.toString('utf8');
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', (thrown: NodeJS.ErrnoException) =>
      resolve({ missing: thrown.code === 'ENOENT', code: undefined, output: thrown.message }),
    );
    child.on('close', (code) => resolve({ missing: false, code: code ?? undefined, output }));
  });

/** The JVM of JAVA_HOME, else of the PATH: a line for the shell, which reads the environment. */
export const JAVA = `"\${JAVA_HOME:+$JAVA_HOME/bin/}java"`;

/** What Spark 4.0 runs on. */
const FIRST = 17;
const LAST = 23;

/** Errors: `spark-cannot-start` when there is no Java or one of another version. */
export const checkJava = async (): Promise<void> => {
  const way = 'install Java 17, or set JAVA_HOME to it';
  const { code, output } = await runProgram('sh', ['-c', `exec ${JAVA} -version`]);
  if (code !== 0) throw error('spark-cannot-start', { why: 'Java is not installed, or JAVA_HOME leads to none', way });
  const version = /version "(?:1\.)?(\d+)[^"]*"/.exec(output)?.[1];
  if (version === undefined || Number(version) < FIRST || Number(version) > LAST)
    throw error('spark-cannot-start', {
      why: `Java ${version ?? 'of an unknown version'} is not one of ${FIRST} to ${LAST}`,
      way,
    });
};
