import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** True when a real redis-server is installed; with CI=true it has to be. */
export const hasRedis = spawnSync('redis-server', ['--version']).status === 0;

/** True when nobody listens at this port, on any address. */
const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });

/**
 * A port that is free together with the one 10,000 above, where the bus of a cluster listens. Both lie below the
 * range from which the system gives out ports to clients, so that no connection of another test takes one meanwhile.
 */
const freePort = async (): Promise<number> => {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 10_000);
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port;
  }
};

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  kill(): Promise<void>;
  /** Starts it again after a kill, at its port and in its folder. */
  restart(): Promise<void>;
  /** Kills it and removes its files. */
  remove(): Promise<void>;
}

/** A redis-server of its own in a folder of its own, ready to answer; another port is taken when one was lost. */
export const startRedis = async (flags: readonly string[] = [], wanted?: number): Promise<RedisServer> => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await startAt(flags, wanted ?? (await freePort()));
    } catch (error) {
      const taken = error instanceof TypeError && error.message.includes('Address already in use');
      if (wanted !== undefined || !taken || tries === 5) throw error;
    }
  }
};

const spawned = async (flags: readonly string[], port: number, dir: string): Promise<ChildProcess> => {
  const sentinel = flags.includes('--sentinel');
  const plain = sentinel ? flags : ['--save', '', ...flags];
  const args = [...(sentinel ? [join(dir, 'sentinel.conf')] : []), '--port', String(port), '--dir', dir, ...plain];
  const child: ChildProcess = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise<void>((resolve, reject) => {
    let said = '';
    child.stdout?.on('data', (data: Buffer) => {
      said += data.toString();
      if (said.includes('eady to accept connections') || said.includes('Sentinel ID is')) resolve();
    });
    child.once('exit', () => reject(new TypeError(said)));
  });
  return child;
};

const startAt = async (flags: readonly string[], port: number): Promise<RedisServer> => {
  const dir = await mkdtemp(join(tmpdir(), 'assay-redis-'));
  // a Sentinel keeps what it knows in its own file
  if (flags.includes('--sentinel')) await writeFile(join(dir, 'sentinel.conf'), '');
  let child = await spawned(flags, port, dir);
  const kill = () =>
    new Promise<void>((done) => {
      if (child.exitCode !== null || child.signalCode !== null) return done();
      child.once('exit', () => done());
      child.kill('SIGKILL');
    });
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    kill,
    restart: async () => {
      await kill();
      child = await spawned(flags, port, dir);
    },
    remove: async () => {
      await kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
};

/** Several servers that are one store. */
export interface RedisServers {
  readonly url: string;
  /** Those that hold keys; the first is a primary at the start. */
  readonly servers: readonly RedisServer[];
  remove(): Promise<void>;
}

/** A primary, two replicas, and three Sentinels that agree on it. */
export const startSentinels = async (): Promise<RedisServers> => {
  const started: RedisServer[] = [];
  const remove = async () => {
    await Promise.all(started.map((server) => server.remove()));
  };
  const keep = async (flags: readonly string[]) => {
    const server = await startRedis(flags);
    started.push(server);
    return server;
  };
  try {
    const primary = await keep([]);
    const replicas = [1, 2].map(() =>
      keep(['--replicaof', '127.0.0.1', String(primary.port), '--repl-diskless-sync-delay', '0']),
    );
    const servers = [primary, ...(await Promise.all(replicas))];
    const sentinels = await Promise.all([1, 2, 3].map(() => keep(['--sentinel'])));
    const ask = (port: number, ...what: string[]) =>
      spawnSync('redis-cli', ['-p', String(port), ...what], { encoding: 'utf8' }).stdout;
    for (const { port } of sentinels) {
      ask(port, 'sentinel', 'monitor', 'assay', '127.0.0.1', String(primary.port), '2');
      ask(port, 'sentinel', 'set', 'assay', 'down-after-milliseconds', '1000');
      ask(port, 'sentinel', 'set', 'assay', 'failover-timeout', '4000');
    }
    const knows = ({ port }: RedisServer) => {
      const said = ask(port, 'sentinel', 'master', 'assay').split('\n');
      const of = (name: string) => said[said.indexOf(name) + 1];
      return of('num-slaves') === '2' && of('num-other-sentinels') === '2';
    };
    while (!sentinels.every(knows) || !servers.every(({ port }) => hasCopied(port)))
      await new Promise((r) => setTimeout(r, 50));
    const [first, ...others] = sentinels.map(({ port }) => `redis-sentinel://127.0.0.1:${port}`);
    return { url: [`${first}/assay`, ...others].join(','), servers, remove };
  } catch (error) {
    await remove();
    throw error;
  }
};

/** Three primaries with a replica each. */
export const startCluster = async (): Promise<RedisServers> => {
  const flags = [
    ...['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000', '--appendonly', 'no'],
    ...['--repl-diskless-sync-delay', '0'],
  ];
  const started = await Promise.allSettled(Array.from({ length: 6 }, () => startRedis(flags)));
  const servers = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const remove = async () => {
    await Promise.all(servers.map((server) => server.remove()));
  };
  const lost = started.find((one) => one.status === 'rejected');
  if (lost) {
    await remove();
    throw lost.reason;
  }
  const nodes = servers.map((server) => `127.0.0.1:${server.port}`);
  const made = spawnSync('redis-cli', ['--cluster', 'create', ...nodes, '--cluster-replicas', '1', '--cluster-yes'], {
    encoding: 'utf8',
  });
  if (made.status !== 0) {
    await remove();
    throw new TypeError(made.stdout + made.stderr);
  }
  while (!servers.every((server) => knowsAll(server.port, servers.length))) await new Promise((r) => setTimeout(r, 20));
  return { url: servers.map((server) => server.url).join(','), servers, remove };
};

/** True unless it is a replica that has not copied its primary yet: nobody would elect that. */
const hasCopied = (port: number): boolean => {
  const said = spawnSync('redis-cli', ['-p', String(port), 'info', 'replication'], { encoding: 'utf8' }).stdout;
  return said.includes('role:master') || said.includes('master_link_status:up');
};

/**
 * True when a node of a cluster serves, and its links to all others are up: `--cluster create` ends earlier, and what is
 * published before then does not reach every node.
 */
const knowsAll = (port: number, count: number): boolean => {
  const ask = (what: string) =>
    spawnSync('redis-cli', ['-p', String(port), 'cluster', what], { encoding: 'utf8' }).stdout;
  const nodes = ask('nodes').trim().split('\n');
  const linked = nodes.filter((line) => /myself|(?<!dis)connected/.test(line) && !/fail|handshake|noaddr/.test(line));
  return linked.length === count && ask('info').includes('cluster_state:ok') && hasCopied(port);
};
