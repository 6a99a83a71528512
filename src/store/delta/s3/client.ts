import type { S3Client } from '@aws-sdk/client-s3';
import { PATIENCE, type Patience } from './patience.js';

type Sdk = typeof import('@aws-sdk/client-s3');

/** How the object store is reached. Credentials are found by the SDK where none are given: variables, profile, role. */
export interface StoreOptions {
  /** `http(s)://host[:port]`; default Amazon's of the region. */
  readonly endpoint?: string | undefined;
  /** Default `us-east-1`. */
  readonly region?: string | undefined;
  /** Buckets are named in the path, not in the host's name. Default: just with an `endpoint`. */
  readonly pathStyle?: boolean | undefined;
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
  readonly patience?: Patience;
  /** Milliseconds without an answer after which a connection counts as broken. Default 30,000. */
  readonly silence?: number;
}

/** A client with what is said of it in errors. */
export interface StoreClient {
  readonly sdk: Sdk;
  readonly client: S3Client;
  /** Without a name or password that stood in the URL. */
  readonly endpoint: string;
  readonly region: string;
  readonly patience: Patience;
}

const SOCKETS = 64;
const CONNECT_MILLISECONDS = 5000;
const DEFAULT_REGION = 'us-east-1';

const shownEndpoint = (endpoint: string | undefined, region: string): string => {
  if (endpoint === undefined) return `Amazon S3 in ${region}`;
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  return url ? `${url.protocol}//${url.host}` : 'its endpoint';
};

/** Makes a client; no request is sent. The SDK is loaded here: nobody who keeps the lake in a folder waits for it. */
export const openClient = async (options: StoreOptions): Promise<StoreClient> => {
  const sdk = await import('@aws-sdk/client-s3');
  const { endpoint, credentials, region = DEFAULT_REGION, silence = 30_000 } = options;
  const client = new sdk.S3Client({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
    forcePathStyle: options.pathStyle ?? endpoint !== undefined,
    // Tries are counted here and not there: a second try of a conditional write means something else than the first.
    maxAttempts: 1,
    // Checksums of newer stores are unknown to older ones; the signature covers the body as it is.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: CONNECT_MILLISECONDS,
      requestTimeout: silence,
      socketTimeout: silence,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: SOCKETS },
      httpsAgent: { keepAlive: true, maxSockets: SOCKETS },
    },
  });
  return {
    ...{ sdk, client, region, patience: options.patience ?? PATIENCE },
    endpoint: shownEndpoint(endpoint, region),
  };
};
