import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { facadeOf, loadParser } from '../../answer/sql/index.js';
import { AssayError, error } from '../../errors/index.js';
import { Client } from './client.js';
import { SessionCluster } from './cluster.js';
import { type LoggedIn, login } from './login.js';
import type { SqlServer, SqlServerOptions } from './options.js';
import { fatal } from './reports.js';
import { Session } from './session.js';

/** Connections that may be logging in at once, beside the sessions. */
const MOST_LOGINS = 200;

/** Opens the SQL port. Errors: `port-in-use`, `postgres-unavailable`. */
export const openSqlServer = async (options: SqlServerOptions): Promise<SqlServer> => {
  await loadParser();
  const server = new Server(options);
  await server.cluster();
  const port = await server.listen();
  return { port, close: () => server.close() };
};

class Server {
  private readonly net = createServer({ keepAlive: true }, (socket) => void this.accept(socket));
  private readonly sessions = new Map<
    number,
    { readonly session: Session; readonly secret: Buffer; readonly done: Promise<void> }
  >();
  private readonly sockets = new Set<Socket>();
  private opened: Promise<SessionCluster> | undefined;
  private serial = 0;
  private count = 0;
  private closing = false;

  constructor(private readonly options: SqlServerOptions) {}

  listen(): Promise<number> {
    const { host, port } = this.options;
    return new Promise((resolve, reject) => {
      this.net.once('error', (thrown: NodeJS.ErrnoException) =>
        reject(thrown.code === 'EADDRINUSE' ? error('port-in-use', { port, setting: 'ASSAY_SQL_PORT' }) : thrown),
      );
      this.net.listen(port, host, () => {
        const address = this.net.address();
        resolve(typeof address === 'object' && address ? address.port : port);
      });
    });
  }

  /** The session cluster; opened anew after it was lost. */
  async cluster(): Promise<SessionCluster> {
    const known = await this.opened;
    if (known && !known.lost) return known;
    const opening = (async () => SessionCluster.open(await this.options.cluster(), this.options.emit))();
    this.opened = opening;
    opening.catch(() => {
      if (this.opened === opening) this.opened = undefined; // the session that asked has the error
    });
    return opening;
  }

  private async accept(socket: Socket): Promise<void> {
    const client = new Client(socket);
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    if (this.sockets.size > this.options.sessions + MOST_LOGINS) {
      socket.destroy();
      return;
    }
    try {
      const { emit } = this.options;
      const done = await login(client, { options: this.options, emit, cancel: (pid, key) => this.cancel(pid, key) });
      if (done) await this.serve(client, done);
    } catch (thrown) {
      this.lastWord(client, thrown);
    }
  }

  private lastWord(client: Client, thrown: unknown): void {
    if (!(thrown instanceof AssayError) || thrown.code === 'internal')
      this.options.emit('bug', { where: 'sql', error: thrown });
    const told = thrown instanceof AssayError ? thrown : error('internal', {});
    if (!client.closed) client.end(fatal(told.sqlstate, told.message, told.hint));
  }

  private async serve(client: Client, done: LoggedIn): Promise<void> {
    const { options } = this;
    if (this.count >= options.sessions) throw error('too-many-sessions', { limit: options.sessions });
    this.count += 1;
    try {
      const catalogue = options.catalogue();
      const facade = facadeOf(catalogue, options.access(catalogue, done.caller));
      if (facade.tables.size === 0) throw error('no-access', {});
      const cluster = await this.cluster();
      const database = await cluster.enter(facade);
      const user = await cluster.login();
      try {
        await this.run(
          client,
          done,
          new Session({
            client,
            login: done,
            database,
            target: cluster.target(user, database.database),
            options,
            key: this.newKey(),
          }),
        );
      } finally {
        cluster.release(user);
        const { version } = options.catalogue();
        if (!cluster.lost) await cluster.leave(facade.key, (key) => key.startsWith(`${version}_`));
      }
    } finally {
      this.count -= 1;
    }
  }

  private newKey() {
    this.serial = (this.serial % 0x7fff_fffe) + 1;
    return { pid: this.serial, secret: randomBytes(4) };
  }

  private async run(client: Client, { caller }: LoggedIn, session: Session): Promise<void> {
    const { pid, secret } = session.key;
    const role = caller.roles.join(',');
    if (this.closing) return session.end('57P01', 'terminating connection: the service stops');
    const done = session.serve();
    this.sessions.set(pid, { session, secret, done });
    this.options.emit('sql.session', { state: 'opened', role });
    try {
      await done;
    } finally {
      this.sessions.delete(pid);
      this.options.emit('sql.session', { state: 'closed', role });
      client.end();
    }
  }

  private cancel(pid: number, key: Buffer): void {
    const found = this.sessions.get(pid);
    if (found && key.length === found.secret.length && timingSafeEqual(key, found.secret)) found.session.cancel();
  }

  async close(): Promise<void> {
    this.closing = true;
    const closed = new Promise<void>((resolve) => {
      this.net.close(() => resolve());
    });
    const running = [...this.sessions.values()];
    for (const { session } of running) session.end('57P01', 'terminating connection: the service stops');
    await Promise.allSettled(running.map((r) => r.done));
    for (const socket of this.sockets) socket.destroy();
    await closed;
    const cluster = await this.opened;
    await cluster?.close();
  }
}
