import { randomBytes } from 'node:crypto';
import pg from 'pg';
import {
  CALLER_ROLE,
  type Facade,
  FUNCTIONS_QUERY,
  type Functions,
  facadeStatements,
  functionsOf,
  HELPER_ROLE,
  quoteLiteral,
  templateStatements,
} from '../../answer/sql/index.js';
import { error } from '../../errors/index.js';
import type { Emit } from '../../query/index.js';
import type { BackendTarget } from './backend.js';
import { Normaliser } from './normaliser.js';

/** Facade databases without a session that are kept for the next one. */
const KEPT_IDLE = 16;

/** A facade's database with its helper. */
export interface FacadeDatabase {
  readonly facade: Facade;
  readonly database: string;
  readonly functions: Functions;
  readonly helper: () => Promise<Normaliser>;
  /** Plans of statements by their text and settings; shared by the facade's sessions. */
  readonly plans: Map<string, unknown>;
}
interface Kept {
  readonly made: Promise<FacadeDatabase>;
  sessions: number;
  helper: Promise<Normaliser> | undefined;
  lastUsed: number;
}
/** A login role of the pool; two live sessions never share one. */
export interface Login {
  readonly user: string;
  readonly password: string;
}

/** One running session cluster: template, facade databases, login roles. It is thrown away whole when the cluster is lost. */
export class SessionCluster {
  private readonly facades = new Map<string, Kept>();
  private readonly free: Login[] = [];
  private readonly roles: string[] = [];
  private serial = 0;
  private tail: Promise<unknown> = Promise.resolve();
  private functions: Functions | undefined;
  lost = false;

  private constructor(
    private readonly url: URL,
    private readonly admin: pg.Client,
    /** Begins every name that this process makes in the cluster. */
    private readonly prefix: string,
    private readonly normaliser: Login,
    private readonly emit: Emit,
  ) {
    admin.on('error', () => {
      this.lost = true; // whoever uses it next meets the closed connection and opens the cluster anew
    });
    admin.on('end', () => {
      this.lost = true;
    });
  }

  /** Connects, and makes the roles and the template. Errors: `postgres-unavailable`. */
  static async open(url: string, emit: Emit): Promise<SessionCluster> {
    const at = new URL(url);
    const prefix = `assay_${randomBytes(4).toString('hex')}`;
    const admin = await connected(at, decodeURIComponent(at.pathname.slice(1)) || 'postgres');
    const normaliser = { user: `${prefix}_normaliser`, password: randomBytes(18).toString('base64url') };
    const cluster = new SessionCluster(at, admin, prefix, normaliser, emit);
    await cluster.prepare();
    return cluster;
  }

  private get template(): string {
    return `${this.prefix}_template`;
  }

  private async prepare(): Promise<void> {
    for (const role of [CALLER_ROLE, HELPER_ROLE])
      await this.admin.query(
        `DO $$ BEGIN CREATE ROLE ${role} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$`,
      );
    await this.createLogin(this.normaliser, `${CALLER_ROLE}, ${HELPER_ROLE}`);
    await this.admin.query(
      `CREATE DATABASE ${this.template} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'`,
    );
    const owner = await connected(this.url, this.template);
    try {
      this.functions = functionsOf((await owner.query({ text: FUNCTIONS_QUERY, rowMode: 'array' })).rows as string[][]);
      const own = ['measure', 'agg'];
      this.functions = { ...this.functions, aggregates: new Set([...this.functions.aggregates, ...own]) };
      for (const statement of templateStatements()) await owner.query(statement);
    } finally {
      await owner.end();
    }
  }

  private async createLogin({ user, password }: Login, groups: string): Promise<void> {
    await this.admin.query(`CREATE ROLE ${user} LOGIN PASSWORD ${quoteLiteral(password)}`);
    await this.admin.query(`GRANT ${groups} TO ${user} WITH INHERIT TRUE, SET FALSE`);
    this.roles.push(user);
  }

  /** One piece of work on the cluster's catalogue at a time: databases cannot be copied from a template in parallel. */
  private alone<T>(work: () => Promise<T>): Promise<T> {
    const next = this.tail.then(work, work);
    this.tail = next.catch(() => {}); // whoever asked for the work has its error
    return next;
  }

  async login(): Promise<Login> {
    const free = this.free.pop();
    if (free) return free;
    const made = { user: `${this.prefix}_${++this.serial}`, password: randomBytes(18).toString('base64url') };
    await this.alone(() => this.createLogin(made, CALLER_ROLE));
    return made;
  }

  release(login: Login): void {
    this.free.push(login);
  }

  target(login: Login, database: string): BackendTarget {
    return { host: this.url.hostname, port: Number(this.url.port || 5432), ...login, database };
  }

  /** The facade's database for one more session; it is made when there is none. */
  async enter(facade: Facade): Promise<FacadeDatabase> {
    let kept = this.facades.get(facade.key);
    if (!kept) {
      const made = this.alone(() => this.create(facade));
      kept = { made, sessions: 0, helper: undefined, lastUsed: Date.now() };
      this.facades.set(facade.key, kept);
      made.catch(() => this.facades.delete(facade.key)); // the session that asked has the error
    }
    kept.sessions += 1;
    return kept.made;
  }

  /** A session has ended. Databases that nobody uses are dropped beyond some that are kept, and all that are of an older model. */
  async leave(key: string, current: (key: string) => boolean): Promise<void> {
    const kept = this.facades.get(key);
    if (kept) {
      kept.sessions -= 1;
      kept.lastUsed = Date.now();
    }
    const idle = [...this.facades].filter(([, k]) => k.sessions === 0).sort(([, a], [, b]) => b.lastUsed - a.lastUsed);
    const excess = idle.filter(([k], i) => i >= KEPT_IDLE || !current(k));
    for (const [k] of excess) await this.alone(() => this.drop(k));
  }

  private async create(facade: Facade): Promise<FacadeDatabase> {
    const database = `${this.prefix}_f${++this.serial}`;
    await this.admin.query(`CREATE DATABASE ${database} TEMPLATE ${this.template}`);
    await this.admin.query(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`);
    await this.admin.query(`GRANT CONNECT, TEMP ON DATABASE ${database} TO ${CALLER_ROLE}`);
    await this.admin.query(`ALTER DATABASE ${database} SET statement_timeout = '60s'`);
    await this.admin.query(`ALTER DATABASE ${database} SET temp_file_limit = '1GB'`);
    const owner = await connected(this.url, database);
    try {
      await owner.query(facadeStatements(facade).join(';\n'));
    } finally {
      await owner.end();
    }
    const { functions } = this;
    if (!functions) throw error('internal', {});
    return { facade, database, functions, plans: new Map(), helper: () => this.helper(facade.key, database) };
  }

  private async helper(key: string, database: string): Promise<Normaliser> {
    const kept = this.facades.get(key);
    const known = await kept?.helper;
    if (known && !known.closed) return known;
    const opened = Normaliser.open(this.target(this.normaliser, database));
    if (kept) kept.helper = opened;
    opened.catch(() => {
      if (kept) kept.helper = undefined; // the statement that asked has the error
    });
    return opened;
  }

  private async drop(key: string): Promise<void> {
    const kept = this.facades.get(key);
    if (!kept || kept.sessions > 0) return;
    this.facades.delete(key);
    (await kept.helper)?.close();
    const { database } = await kept.made;
    await this.admin.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
  }

  /** Drops everything that this process made. A cluster that is gone already needs nothing dropped. */
  async close(): Promise<void> {
    try {
      if (!this.lost) await this.alone(() => this.dropAll());
    } catch (thrown) {
      this.emit('notice', { message: `the session cluster was not cleaned up: ${String(thrown)}` });
    }
    if (!this.lost) await this.admin.end();
  }

  private async dropAll(): Promise<void> {
    for (const [key, kept] of this.facades) {
      kept.sessions = 0;
      await this.drop(key);
    }
    await this.admin.query(`DROP DATABASE IF EXISTS ${this.template} WITH (FORCE)`);
    for (const role of this.roles) await this.admin.query(`DROP ROLE IF EXISTS ${role}`);
  }
}

const connected = async (url: URL, database: string): Promise<pg.Client> => {
  const client = new pg.Client({
    host: url.hostname,
    port: Number(url.port || 5432),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database,
    application_name: 'assay',
  });
  try {
    await client.connect();
    return client;
  } catch (thrown) {
    throw error('postgres-unavailable', { what: 'the session cluster', why: 'it takes no connections' }, thrown);
  }
};
