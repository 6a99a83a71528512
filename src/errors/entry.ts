/** Whose fault an error is: decides the tone of its message, its log level and its HTTP class. */
export type Blame = 'caller' | 'model' | 'data' | 'dependency' | 'operator' | 'bug';

/** One row of the closed catalogue. `P` are the typed parameters that its message names. */
export interface Entry<P> {
  readonly blame: Blame;
  /** HTTP status; GraphQL puts the code into `extensions.code`. */
  readonly status: number;
  readonly sqlstate: string;
  /** Exit code of the command line: 1 blocked or failed, 2 wrong usage. */
  readonly exit: number;
  /** What is wrong, naming the object. */
  readonly message: (p: P) => string;
  /** What to do about it. */
  readonly hint?: (p: P) => string | undefined;
}

/** Keeps the parameter type of an entry. */
export const entry = <P>(e: Entry<P>): Entry<P> => e;
