import { type AssayError, catalogue, type ErrorCode, error, toAssayError } from '../../errors/index.js';

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** Problem details (RFC 9457) with our extensions `code`, `hint` and `requestId`. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly hint?: string;
  readonly requestId: string;
}

/** `unknown-member` is "Unknown member". */
const titleOf = (code: ErrorCode): string => {
  const words = code.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
};

/** What a caller sees of an error. Whoever's fault it is, no stack and no message of an engine is in it. */
export const problemOf = (failure: AssayError, requestId: string): Problem => ({
  type: `urn:assay:error:${failure.code}`,
  title: titleOf(failure.code),
  status: catalogue[failure.code].status,
  detail: failure.message,
  code: failure.code,
  ...(failure.hint === undefined ? {} : { hint: failure.hint }),
  requestId,
});

/** Errors of the HTTP framework in our catalogue's terms; anything else that is not of the catalogue is `internal`. */
export const failureOf = (thrown: unknown, requestId: string, bodyLimit: number): AssayError => {
  const { code, statusCode, message } = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as {
    code?: unknown;
    message?: unknown;
    statusCode?: unknown;
  };
  switch (code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return error('unsupported-media-type', {
        type: /: (.+)$/.exec(String(message))?.[1]?.slice(0, 100) ?? 'unknown',
        known: 'application/json',
      });
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return error('request-too-large', { limit: bodyLimit });
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return error('request-invalid', { where: 'body', what: 'is empty; JSON is wanted' });
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return error('request-invalid', { where: 'body', what: 'is not valid JSON' });
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return error('request-invalid', { where: 'Content-Length', what: 'differs from the size of the body' });
    case 'FST_ERR_BAD_URL':
      return error('request-invalid', { where: 'URL', what: 'cannot be decoded' });
  }
  if (statusCode === 400 && thrown instanceof SyntaxError)
    return error('request-invalid', { where: 'body', what: 'is not valid JSON' });
  return toAssayError(thrown, requestId);
};
