import { GraphQLError } from 'graphql/index.js';
import { AssayError, catalogue, type ErrorCode, error, toAssayError } from '../../errors/index.js';
import type { Emit } from '../../query/index.js';
import type { GraphqlContext } from './page.js';

/** An error of ours as GraphQL carries it: the code in `extensions.code`, as on every surface. */
const carry = (failure: AssayError, requestId: string | undefined): GraphQLError =>
  new GraphQLError(failure.message, {
    extensions: {
      code: failure.code,
      ...(failure.hint === undefined ? {} : { hint: failure.hint }),
      ...(requestId === undefined ? {} : { requestId }),
    },
  });

/** Runs a resolver's work; whatever it throws becomes an error that a caller may see, and the log gets the whole of it. */
export const answered = async <T>(context: GraphqlContext, emit: Emit, work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (thrown) {
    const failure = toAssayError(thrown, context.requestId);
    if (!(thrown instanceof AssayError)) emit('bug', { where: 'graphql', error: thrown, requestId: context.requestId });
    else if (failure.status >= 500 && failure.code !== 'internal')
      emit('request.failed', { surface: 'graphql', code: failure.code, requestId: context.requestId, error: failure });
    throw carry(failure, context.requestId);
  }
};

const isOurs = (code: unknown): code is ErrorCode => typeof code === 'string' && Object.hasOwn(catalogue, code);
/** Sentences of graphql-js that say a name does not exist; a hidden member meets the same ones. */
const UNKNOWN = /^Cannot query field|is not defined by type|does not exist in "\w+" enum/;

/**
 * The last look at an error before it is sent. Ours pass; those of parsing and validation get a code (an unknown field is
 * `unknown-member`, on every surface) and status 400; anything else is a bug: logged, and shown as `internal`.
 */
export const maskError =
  (emit: Emit) =>
  (thrown: unknown): GraphQLError => {
    if (!(thrown instanceof GraphQLError)) {
      emit('bug', { where: 'graphql', error: thrown });
      return carry(error('internal', {}, thrown), undefined);
    }
    if (isOurs(thrown.extensions['code'])) return thrown;
    const { nodes, source, positions, path, originalError, message } = thrown;
    if (originalError && !(originalError instanceof GraphQLError)) {
      emit('bug', { where: 'graphql', error: originalError });
      return new GraphQLError(error('internal', {}).message, {
        nodes: nodes ?? null,
        path: path ?? null,
        extensions: { code: 'internal' },
      });
    }
    const code: ErrorCode = UNKNOWN.test(message) ? 'unknown-member' : 'request-invalid';
    // Status 400 also where the protocol's older media type would allow 200: an error is never a success.
    return new GraphQLError(message, {
      nodes: nodes ?? null,
      source: source ?? null,
      positions: positions ?? null,
      path: path ?? null,
      extensions: { code, http: { status: 400 } },
    });
  };

/** The status of a result: that of its first error when no field has data, else 200. */
export const statusOf = (result: {
  data?: unknown;
  errors?: readonly GraphQLError[] | undefined;
}): number | undefined => {
  const first = result.errors?.[0]?.extensions['code'];
  const data = result.data;
  const some = typeof data === 'object' && data !== null && Object.values(data).some((v) => v !== null);
  return first === undefined || some ? undefined : isOurs(first) ? catalogue[first].status : 500;
};
