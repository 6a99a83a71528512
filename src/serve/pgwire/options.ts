import type { Ask } from '../../answer/run/index.js';
import type { Catalogue } from '../../model/catalog/index.js';
import type { Access } from '../../model/policy/index.js';
import type { Caller, Emit } from '../../query/index.js';

/** What the SQL server is built from. Nothing here is read from the environment. */
export interface SqlServerOptions {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** Superuser's URL of the scratch cluster (PostgreSQL 18 or later); it is asked anew after the cluster was lost. */
  readonly cluster: () => string | Promise<string>;
  readonly ask: Ask;
  /** The model in use; asked for each new session and for each statement that is planned anew. */
  readonly catalogue: () => Catalogue;
  readonly access: (catalogue: Catalogue, caller: Caller) => Access;
  /**
   * A login's caller, or `unauthenticated`. `password` is the token. The server narrows the caller to `user` where that is one of
   * its roles, takes it whole where `user` is its subject, and refuses every other name.
   */
  readonly authenticate: (user: string, password: string) => Promise<Caller>;
  /** How far the issuer's clock may be off: a session ends that long after its token's `exp`. Default 30, as for logins. */
  readonly clockSkewSeconds?: number;
  readonly emit: Emit;
  /** Sessions at once; one more is refused with 53300. */
  readonly sessions: number;
}

export interface SqlServer {
  readonly port: number;
  /** Ends every session (57P01), drops the facade databases and roles that it made. */
  close(): Promise<void>;
}
