import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, delimiter, join } from 'node:path';

const VERSION = '9.2.0';
/** What the server loads as a module of its own: its network. */
const NETWORK = /^(netty-|transport-netty4|elasticsearch-ssl-config)/;

/** A Java that Elasticsearch runs on, of those that are installed. */
const java = [
  process.env['JAVA_HOME'] ?? '',
  ...(existsSync('/usr/lib/jvm') ? readdirSync('/usr/lib/jvm').map((n) => join('/usr/lib/jvm', n)) : []),
]
  .map((home) => (home === '' ? 'java' : join(home, 'bin/java')))
  .find((command) => {
    const told = spawnSync(command, ['-version'], { encoding: 'utf8' });
    return Number(/version "(\d+)/.exec(told.stderr ?? '')?.[1] ?? 0) >= 21;
  });
export const hasElasticsearch = java !== undefined && spawnSync('mvn', ['-v'], { stdio: 'ignore' }).status === 0;
export const NO_ELASTICSEARCH = 'no Java 21 and Maven (mvn): Elasticsearch cannot be started';

const artifact = (group: string, name: string) =>
  `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${VERSION}</version></dependency>`;
const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>assay</groupId><artifactId>elasticsearch</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>${artifact('org.elasticsearch', 'elasticsearch')}${artifact('org.elasticsearch.plugin', 'transport-netty4')}</dependencies></project>`;

const jarsOf = (dir: string): readonly string[] => {
  writeFileSync(join(dir, 'pom.xml'), POM);
  const file = join(dir, 'class-path');
  const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath';
  const told = spawnSync('mvn', ['-B', '-q', '-f', join(dir, 'pom.xml'), goal, `-Dmdep.outputFile=${file}`], {
    encoding: 'utf8',
  });
  if (told.status !== 0) throw new Error(`Maven found no Elasticsearch: ${told.stdout}${told.stderr}`);
  return readFileSync(file, 'utf8').trim().split(delimiter);
};

const freePort = (): Promise<number> =>
  new Promise((done) => {
    const socket = createSocket();
    socket.listen(0, '127.0.0.1', () => {
      const { port } = socket.address() as AddressInfo;
      socket.close(() => done(port));
    });
  });

export interface ElasticsearchNode {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * A real node, from the jars that are published: no security, no x-pack. The page that tells the server's version is a module that is
 * not published, so a door in front tells it, from what the node says of itself; all else goes to the node as it came.
 */
export const startElasticsearch = async (): Promise<ElasticsearchNode> => {
  const dir = mkdtempSync(join(tmpdir(), 'assay-elasticsearch-'));
  const jars = jarsOf(dir);
  const module = join(dir, 'modules/transport-netty4');
  mkdirSync(module, { recursive: true });
  mkdirSync(join(dir, 'config'));
  mkdirSync(join(dir, 'plugins'));
  for (const jar of jars.filter((j) => NETWORK.test(basename(j)))) cpSync(jar, join(module, basename(jar)));
  writeFileSync(
    join(module, 'plugin-descriptor.properties'),
    `name=transport-netty4\ndescription=network\nversion=${VERSION}\nelasticsearch.version=${VERSION}\njava.version=21\nclassname=org.elasticsearch.transport.netty4.Netty4Plugin\n`,
  );
  const [http, transport] = [await freePort(), await freePort()];
  const child: ChildProcess = spawn(
    java ?? 'java',
    [
      '-Xmx512m',
      '-XX:+UseSerialGC',
      '--enable-native-access=ALL-UNNAMED',
      '--module-path',
      jars.filter((j) => !NETWORK.test(basename(j))).join(delimiter),
      '--add-modules',
      'ALL-MODULE-PATH',
      join(import.meta.dirname, 'ElasticsearchNode.java'),
      ...[dir, String(http), String(transport)],
    ],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  let output = '';
  await new Promise<void>((done, failed) => {
    const look = (chunk: Buffer) => {
      output += chunk.toString();
      if (/^started$/m.test(output)) done();
    };
    child.stdout?.on('data', look);
    child.stderr?.on('data', look);
    child.on('exit', (code) => failed(new Error(`Elasticsearch ended with ${code}: ${output.slice(-4000)}`)));
  });
  const node = `http://127.0.0.1:${http}`;
  const door = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const {
      host: _host,
      connection: _kept,
      'content-length': _length,
      'transfer-encoding': _coding,
      ...headers
    } = request.headers;
    const main = request.url === '/';
    const answer = await fetch(node + (main ? '/_nodes/_local' : request.url), {
      method: request.method ?? 'GET',
      headers: headers as Record<string, string>,
      ...(chunks.length > 0 ? { body: Buffer.concat(chunks) } : {}),
    });
    const text = Buffer.from(await answer.arrayBuffer());
    const type = answer.headers.get('content-type');
    const product = answer.headers.get('x-elastic-product');
    response.writeHead(answer.status, {
      ...(type ? { 'content-type': type } : {}),
      ...(product ? { 'x-elastic-product': product } : {}),
    });
    if (!main) return void response.end(text);
    const { nodes, cluster_name } = JSON.parse(text.toString()) as {
      nodes: Record<string, { version: string; name: string }>;
      cluster_name: string;
    };
    const [first] = Object.values(nodes);
    response.end(
      JSON.stringify({
        name: first?.name,
        cluster_name,
        version: { number: first?.version },
        tagline: 'You Know, for Search',
      }),
    );
  });
  await new Promise<void>((done) => door.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(door.address() as AddressInfo).port}`,
    close: async () => {
      door.closeAllConnections();
      await new Promise<void>((done) => door.close(() => done()));
      const ended = new Promise<void>((done) => child.on('exit', () => done()));
      if (child.exitCode === null) child.kill('SIGKILL');
      else return rmSync(dir, { recursive: true, force: true });
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
};
