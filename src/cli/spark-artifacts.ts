import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { error } from '../errors/index.js';
import { runProgram } from './spark-programs.js';

/** Exact versions that fit together: Delta's artifact names the line of Spark that it was built for. */
const SPARK = '4.0.1';
const DELTA = '4.4.0';
const PLUGIN = '3.8.1';
const SCALA = '2.13';

interface Artifact {
  readonly group: string;
  readonly name: string;
  readonly version: string;
  /** False: the jar alone, without what it depends on. */
  readonly whole: boolean;
}

/** The jar of mllib is asked for one class when a client releases its session; nothing of machine learning runs. */
const ARTIFACTS: readonly Artifact[] = [
  { group: 'org.apache.spark', name: `spark-sql_${SCALA}`, version: SPARK, whole: true },
  { group: 'org.apache.spark', name: `spark-connect_${SCALA}`, version: SPARK, whole: true },
  { group: 'org.apache.spark', name: `spark-mllib_${SCALA}`, version: SPARK, whole: false },
  { group: 'io.delta', name: `delta-spark_4.0_${SCALA}`, version: DELTA, whole: true },
];

const dependency = ({ group, name, version, whole }: Artifact): string =>
  [
    `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version>`,
    whole ? '' : '<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>',
    '</dependency>',
  ].join('');

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>assay</groupId>
  <artifactId>spark</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    ${ARTIFACTS.map(dependency).join('\n    ')}
  </dependencies>
</project>
`;

/** The jars of a class path file, when all of them are still there. */
const resolved = (file: string): string | undefined => {
  if (!existsSync(file)) return undefined;
  const path = readFileSync(file, 'utf8').trim();
  return path !== '' && path.split(delimiter).every((jar) => existsSync(jar)) ? path : undefined;
};

const UNREACHABLE =
  /could not transfer|unknown host|connection (refused|reset|timed out)|connect timed out|failed to (connect|collect)|name resolution|no route to host|not authorized|status code: 4\d\d|offline mode/i;

/**
 * The class path of Spark, resolved by Maven once for each set of versions and kept in `dir`; mirrors, proxies and the place of the
 * local repository are those of the user's Maven settings. Errors: `spark-cannot-start`.
 */
export const sparkClassPath = async (dir: string, note: (text: string) => void): Promise<string> => {
  mkdirSync(dir, { recursive: true });
  const key = createHash('sha256').update(POM).digest('hex').slice(0, 16);
  const file = join(dir, `classpath-${key}.txt`);
  const known = resolved(file);
  if (known !== undefined) return known;
  note('fetching Spark through Maven (once, about 320 MB)');
  const pom = join(dir, 'pom.xml');
  const made = `${file}.${process.pid}`;
  writeFileSync(pom, POM);
  const goal = `org.apache.maven.plugins:maven-dependency-plugin:${PLUGIN}:build-classpath`;
  const args = ['-B', '-q', '-f', pom, goal, `-Dmdep.outputFile=${made}`, '-DincludeScope=runtime'];
  const ended = await runProgram('mvn', args);
  if (ended.missing)
    throw error('spark-cannot-start', {
      why: 'Maven (mvn) is not installed',
      way: 'install Maven 3.8 or later; it fetches Spark',
    });
  const log = join(dir, 'resolve.log');
  writeFileSync(log, ended.output);
  if (ended.code === 0 && existsSync(made)) renameSync(made, file);
  const path = ended.code === 0 ? resolved(file) : undefined;
  if (path !== undefined) return path;
  throw error('spark-cannot-start', {
    why: UNREACHABLE.test(ended.output) ? 'Maven’s repository is not reachable' : 'Maven could not fetch Spark',
    way: `${log} has Maven’s own words; a mirror or proxy is set in Maven’s settings.xml`,
  });
};
