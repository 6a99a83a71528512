import { type AssayError, error } from '../../../errors/index.js';

/** What a failed request means for the one who sent it. */
export type Failure =
  /** There is no such object. */
  | { readonly kind: 'absent' }
  /** A condition of the request (If-None-Match, If-Match) does not hold. */
  | { readonly kind: 'condition' }
  /** May go through the next time. `unsure`: this one may have been carried out, too. */
  | { readonly kind: 'again'; readonly unsure: boolean; readonly why: string; readonly refusal: AssayError }
  | { readonly kind: 'refused'; readonly refusal: AssayError };

/** What the request was for. */
export interface Asked {
  readonly bucket: string;
  readonly key: string;
  readonly endpoint: string;
  readonly region: string;
}

/** The parts of an SDK error that matter here; nothing of it is shown but its code. */
interface Thrown {
  readonly code: string;
  readonly status: number | undefined;
  readonly region: string;
}

const read = (thrown: unknown): Thrown => {
  if (typeof thrown !== 'object' || thrown === null) return { code: 'unknown', status: undefined, region: '' };
  const of = thrown as {
    readonly name?: unknown;
    readonly Code?: unknown;
    readonly code?: unknown;
    readonly $metadata?: { readonly httpStatusCode?: number };
    readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
  };
  const names = [of.Code, of.name, of.code].filter((name): name is string => typeof name === 'string' && name !== '');
  const code = names.find((name) => name !== 'Error' && name !== 'UnknownError' && name !== 'Unknown') ?? 'unknown';
  return {
    code: /^[\w.-]{1,64}$/.test(code) ? code : 'unknown',
    status: of.$metadata?.httpStatusCode,
    region: of.$response?.headers?.['x-amz-bucket-region'] ?? '',
  };
};

/** Codes of connections that were never made: the request cannot have been carried out. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);
/** Codes of connections that broke, and of answers that did not come. */
const BROKEN = /^(E[A-Z0-9]+(_[A-Z0-9]+)*|ERR_[A-Z0-9_]+|\w*Timeout\w*|NetworkingError)$/;
const NO_CREDENTIALS = new Set(['CredentialsProviderError', 'ProviderError', 'TokenProviderError']);
const FORBIDDEN = new Set(['ExpiredToken', 'InvalidToken', 'TokenRefreshRequired', 'InvalidAccessKeyId']);
const FULL = new Set(['QuotaExceeded', 'XMinioStorageFull', 'InsufficientStorage']);

/** Reads what the SDK threw. Its messages stay in the cause: they may carry names and signatures. */
export const failureOf = (thrown: unknown, asked: Asked): Failure => {
  const { code, status, region } = read(thrown);
  const { bucket, key, endpoint } = asked;
  const refused = (refusal: AssayError): Failure => ({ kind: 'refused', refusal });
  if (code === 'AbortError') return refused(error('cancelled', {}, thrown));
  if (NO_CREDENTIALS.has(code))
    return refused(error('bucket-forbidden', { bucket, key, why: 'no credentials were found' }, thrown));
  if (code === 'NoSuchBucket') return refused(error('bucket-missing', { bucket }, thrown));
  if (code === 'RequestTimeTooSkewed') {
    // The client learns the store's time from the answer: the next request is signed with it.
    return { kind: 'again', unsure: false, why: code, refusal: error('bucket-clock', { bucket }, thrown) };
  }
  if (code === 'AuthorizationHeaderMalformed' || code === 'PermanentRedirect' || status === 301)
    return refused(error('bucket-region', { bucket, region: asked.region, wanted: region }, thrown));
  if (FULL.has(code) || status === 507) return refused(error('disk-full', { path: `s3://${bucket}/${key}` }, thrown));
  if (status === 403 || status === 401 || FORBIDDEN.has(code))
    return refused(error('bucket-forbidden', { bucket, key, why: code }, thrown));
  if (status === 404) return { kind: 'absent' };
  if (status === 412) return { kind: 'condition' };
  const unreachable = error('bucket-unreachable', { bucket, key, endpoint, why: code }, thrown);
  if (status === 409) return { kind: 'again', unsure: false, why: code, refusal: unreachable };
  if (status === 501) return refused(error('bucket-refused', { bucket, key, why: code }, thrown));
  const broken = status === undefined ? BROKEN.test(code) : status < 400 || status >= 500 || status === 429;
  if (broken || code === 'RequestTimeout')
    return { kind: 'again', unsure: !NEVER_SENT.has(code), why: code, refusal: unreachable };
  // Neither an answer nor a broken connection: a fault of the program, which is not to be dressed up.
  if (status === undefined) throw thrown;
  return refused(error('bucket-refused', { bucket, key, why: code }, thrown));
};
