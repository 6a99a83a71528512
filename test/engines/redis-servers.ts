import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** True when a real redis-server is installed; with CI=true it has to be. */
export const hasRedis = spawnSync('redis-server', ['--version']).status === 0;

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    // The bus of a cluster listens 10,000 above, so the port must be a low one.
    server.listen(20_000 + Math.floor(Math.random() * 10_000), '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address ? resolve(address.port) : reject(address)));
    });
  });

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  kill(): Promise<void>;
  /** Kills it and removes its files. */
  remove(): Promise<void>;
}

/** A redis-server of its own in a folder of its own, ready to answer. */
export const startRedis = async (flags: readonly string[] = [], wanted?: number): Promise<RedisServer> => {
  const dir = await mkdtemp(join(tmpdir(), 'assay-redis-'));
  const port = wanted ?? (await freePort());
  const child: ChildProcess = spawn('redis-server', ['--port', String(port), '--dir', dir, '--save', '', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    let said = '';
    child.stdout?.on('data', (data: Buffer) => {
      said += data.toString();
      if (said.includes('eady to accept connections')) resolve();
    });
    child.once('exit', () => reject(new TypeError(said)));
  });
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
    remove: async () => {
      await kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
};

/** Three primaries with a replica each. */
export const startCluster = async (): Promise<{ url: string; remove: () => Promise<void> }> => {
  const flags = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000', '--appendonly', 'no'];
  const servers = await Promise.all(Array.from({ length: 6 }, () => startRedis(flags)));
  const remove = async () => {
    await Promise.all(servers.map((server) => server.remove()));
  };
  const nodes = servers.map((server) => `127.0.0.1:${server.port}`);
  const made = spawnSync('redis-cli', ['--cluster', 'create', ...nodes, '--cluster-replicas', '1', '--cluster-yes'], {
    encoding: 'utf8',
  });
  if (made.status !== 0) {
    await remove();
    throw new TypeError(made.stdout + made.stderr);
  }
  return { url: servers.map((server) => server.url).join(','), remove };
};
