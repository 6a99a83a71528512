/**
 * Headers of every answer. The server sends data and never pages, so nothing may be loaded, framed or sniffed (OWASP's REST
 * security sheet). Written from one constant record: building them per request would cost more than a cached answer.
 */
const SECURITY: Readonly<Record<string, string>> = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** Strict transport security means something under TLS only (RFC 6797, section 7.2). */
export const securityHeaders = (tls: boolean, cors: boolean): Readonly<Record<string, string>> => ({
  ...SECURITY,
  ...(cors ? { 'cross-origin-resource-policy': 'cross-origin' } : {}),
  ...(tls ? { 'strict-transport-security': 'max-age=31536000; includeSubDomains' } : {}),
});
