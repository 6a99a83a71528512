/** Who asks. Made by `serve/auth` from a credential; every other room only reads it. */
export interface Caller {
  readonly subject: string;
  readonly tenant: string;
  readonly roles: readonly string[];
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly via: 'jwt' | 'local';
  /** Seconds since 1970; a session of a wire ends then. */
  readonly expiresAt?: number;
}

/** Budgets of one query. Going over one is an error that names it, never a shorter answer. */
export interface Limits {
  readonly rows: number;
  readonly bytes: number;
  readonly milliseconds: number;
  readonly memoryBytes: number;
}

/** Defaults; roles may raise them, callers lower them. JSON and GraphQL cap rows at 100,000. */
export const DEFAULT_LIMITS: Limits = {
  rows: 1_000_000,
  bytes: 1 << 30,
  milliseconds: 60_000,
  memoryBytes: 1 << 30,
};
export const JSON_ROWS = 100_000;

/** The process's own caller: the command line of the home's owner, and rollup builders. Policies still apply to its roles. */
export const localCaller = (roles: readonly string[]): Caller => ({
  subject: 'local',
  tenant: 'default',
  roles,
  attributes: {},
  via: 'local',
});
