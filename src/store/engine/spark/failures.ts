import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { AssayError, error } from '../../../errors/index.js';
import { definition } from './contract.js';

/** What Spark said of an error: its condition (`DIVIDE_BY_ZERO`, `INVALID_HANDLE.SESSION_NOT_FOUND`) and SQLSTATE. */
export interface Failure {
  readonly grpc: number;
  readonly condition: string | undefined;
  readonly sqlstate: string | undefined;
  /** Names of things in the statement, by Spark's names of parameters. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Spark's own words. They may hold data: for the log only. */
  readonly text: string;
}

interface RpcStatus {
  readonly details?: readonly { readonly type_url?: string; readonly value?: Buffer }[];
}
interface ErrorInfo {
  readonly metadata?: Readonly<Record<string, string>>;
}

const reader = <T>(name: string): ((bytes: Buffer) => T) => {
  const found = definition[`spark.connect.${name}`];
  // The definition stands in this folder: a name that it lacks would be a bug of ours.
  if (!found || !('deserialize' in found) || typeof found.deserialize !== 'function')
    throw error('internal', {}, `no message ${name}`);
  return found.deserialize as (bytes: Buffer) => T;
};
const readStatus = reader<RpcStatus>('Status');
const readInfo = reader<ErrorInfo>('ErrorInfo');

export const isServiceError = (thrown: unknown): thrown is ServiceError =>
  thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'number' && 'details' in thrown;

const isText = (value: unknown): value is string => typeof value === 'string';

const parametersOf = (json: string | undefined): Record<string, string> => {
  if (json === undefined) return {};
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value !== 'object' || value === null) return {};
    return Object.fromEntries(Object.entries(value).filter((e): e is [string, string] => isText(e[1])));
  } catch (thrown) {
    // Spark cuts what is too long for a header.
    if (thrown instanceof SyntaxError) return {};
    throw thrown;
  }
};

const infoOf = (thrown: ServiceError): Readonly<Record<string, string>> => {
  const packed = thrown.metadata instanceof Metadata ? thrown.metadata.get('grpc-status-details-bin') : [];
  const [bytes] = packed;
  if (!Buffer.isBuffer(bytes)) return {};
  const detail = readStatus(bytes).details?.find((d) => d.type_url?.endsWith('google.rpc.ErrorInfo') && d.value);
  return (detail?.value && readInfo(detail.value).metadata) ?? {};
};

export const failureOf = (thrown: ServiceError): Failure => {
  const info = infoOf(thrown);
  const text = thrown.details;
  return {
    grpc: thrown.code,
    condition: info['errorClass'] ?? /\[([A-Z][A-Z0-9_]*(?:\.[A-Z][A-Z0-9_]*)*)\]/.exec(text)?.[1],
    sqlstate: info['sqlState'] ?? /SQLSTATE: ([0-9A-Z]{5})/.exec(text)?.[1],
    parameters: parametersOf(info['messageParameters']),
    text,
  };
};

/** Errors of the connection, after which the same call may be sent again. */
const PASSING: ReadonlySet<number> = new Set([status.UNAVAILABLE, status.RESOURCE_EXHAUSTED, status.ABORTED]);

/** True when the connection failed, not the statement; a connection that is cut in a message comes as INTERNAL without condition. */
export const isPassing = (thrown: unknown): boolean => {
  if (!isServiceError(thrown)) return false;
  const { grpc, condition, text } = failureOf(thrown);
  if (condition === 'INVALID_CURSOR.DISCONNECTED') return true;
  if (condition !== undefined) return false;
  if (grpc === status.RESOURCE_EXHAUSTED) return !/larger than max/i.test(text);
  // A server that is being stopped ends its statements without a word; one that lives says the same again, until patience ends.
  return PASSING.has(grpc) || (grpc === status.INTERNAL && /^$|RST_STREAM|ECONNRESET|GOAWAY/.test(text));
};

export const conditionOf = (thrown: unknown): string | undefined =>
  isServiceError(thrown) ? failureOf(thrown).condition : undefined;

const LOST = /^INVALID_HANDLE\.(SESSION_|OPERATION_ABANDONED|OPERATION_NOT_FOUND)|^INVALID_CURSOR\./;
const STOPPED = /SparkContext (was|has been) shut ?down|stopped SparkContext/i;
const DISK = /No space left on device|Disk quota exceeded/i;

/** Spark's error as one of the catalogue; `ended` is why we ended the statement ourselves. */
export const sparkFailure = (thrown: unknown, server: string, ended?: AssayError): AssayError => {
  if (thrown instanceof AssayError) return thrown;
  if (ended) return ended;
  if (!isServiceError(thrown)) return error('internal', {}, thrown);
  const { grpc, condition, sqlstate, text } = failureOf(thrown);
  if (grpc === status.UNAUTHENTICATED || grpc === status.PERMISSION_DENIED)
    return error('spark-refused', { server, why: 'it wants another token' }, thrown);
  if (condition !== undefined && LOST.test(condition))
    return error('spark-session-lost', { server, condition }, thrown);
  if (condition === 'OPERATION_CANCELED' || sqlstate === 'HY008') return error('cancelled', {}, thrown);
  if (STOPPED.test(text)) return error('spark-unavailable', { server, why: 'it was stopped' }, thrown);
  if (DISK.test(text)) return error('disk-full', { path: 'the files of the Spark server' }, thrown);
  if (condition === undefined && PASSING.has(grpc) && !/larger than max/i.test(text))
    return error('spark-unavailable', { server, why: unavailable(text) }, thrown);
  if (grpc === status.UNIMPLEMENTED)
    return error('spark-unavailable', { server, why: 'it does not speak Spark Connect' }, thrown);
  return error(
    'engine-failed',
    {
      engine: 'spark',
      ...(sqlstate === undefined ? {} : { sqlstate }),
      ...(condition === undefined ? {} : { condition }),
    },
    thrown,
  );
};

const unavailable = (text: string): string =>
  /ECONNREFUSED/.test(text)
    ? 'nobody listens there'
    : /ENOTFOUND|EAI_AGAIN|Name resolution/i.test(text)
      ? 'the name is not known'
      : /certificate|self-signed|SSL|TLS/i.test(text)
        ? 'its certificate is not trusted, or it does not speak TLS'
        : 'the connection broke';

/** Parameters of Spark's messages that name things of the statement, never values of rows. */
const NAMES = ['objectName', 'relationName', 'routineName', 'fieldName', 'funcName', 'functionName', 'name', 'error'];
/** Where in the statement, in the three forms that Spark's messages have. Its columns count from 0, ours from 1. */
const position = (text: string): { line: number; column: number } | undefined => {
  const found = /== SQL \(line (\d+), position (\d+)\)/.exec(text);
  if (found) return { line: Number(found[1]), column: Number(found[2]) };
  const match = /line (\d+),? pos(?:ition)? (\d+)/.exec(text);
  return match ? { line: Number(match[1]), column: Number(match[2]) + 1 } : undefined;
};

/** What a dry run was refused for. `before` are the lines that we put above the caller's text. */
export const invalidSql = (thrown: unknown, server: string, before: number, ended?: AssayError): AssayError => {
  if (ended || !isServiceError(thrown)) return sparkFailure(thrown, server, ended);
  const { condition, sqlstate, parameters, text } = failureOf(thrown);
  // Classes 42 and 0A: the statement itself is wrong; 22: a constant of it.
  if (condition === undefined || sqlstate === undefined || !/^(42|0A|22|21)/.test(sqlstate))
    return sparkFailure(thrown, server);
  const at = position(text);
  const name = NAMES.map((key) => parameters[key]).find((value) => value !== undefined && value.length <= 200);
  return error(
    'spark-sql-invalid',
    {
      condition,
      sqlstate,
      ...(at && at.line > before ? { line: at.line - before, column: at.column } : {}),
      ...(name === undefined ? {} : { name }),
    },
    thrown,
  );
};
