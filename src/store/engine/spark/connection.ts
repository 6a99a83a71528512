import {
  type CallOptions,
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  type ClientReadableStream,
  credentials,
  Metadata,
} from '@grpc/grpc-js';
import { error } from '../../../errors/index.js';
import { type Address, isLoopback } from './address.js';
import { definition } from './contract.js';
import type { Calls, ExecuteResponse, Streams } from './messages.js';

const SERVICE = 'spark.connect.SparkConnectService';
const MESSAGE_BYTES = 128 << 20;
const CLIENT_TYPE = 'assay';

interface Method {
  readonly path: string;
  readonly requestSerialize: (value: object) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => object;
}
const isService = (
  found: (typeof definition)[string] | undefined,
): found is Extract<typeof found, Record<string, Method>> => found !== undefined && 'ExecutePlan' in found;
const method = (name: keyof Calls | keyof Streams): Method => {
  const service = definition[SERVICE];
  const found = isService(service) ? service[name] : undefined;
  if (!found) throw error('internal', {}, `no call ${name}`);
  return found;
};

const channelOptions = (host: string): ChannelOptions => ({
  'grpc.max_receive_message_length': MESSAGE_BYTES,
  'grpc.max_send_message_length': MESSAGE_BYTES,
  'grpc.primary_user_agent': CLIENT_TYPE,
  // Spark's server (Netty) shuts out who pings more often than every five minutes; `watch` below asks in its own way.
  'grpc.keepalive_time_ms': 5 * 60_000 + 5_000,
  'grpc.keepalive_timeout_ms': 20_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  // One connection for each session, closed with it; calls are sent again by us, who know which may be.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  ...(isLoopback(host) ? { 'grpc.enable_http_proxy': 0 } : {}),
});

/** One session's place on one server: who we are, where, and what the server called the session. */
export interface Connection {
  readonly address: Address;
  /** One call with one answer. `milliseconds` is the longest it may take. Rejects with gRPC's errors. */
  ask<N extends keyof Calls>(
    name: N,
    request: Calls[N]['request'],
    options: { readonly milliseconds: number; readonly signal?: AbortSignal | undefined },
  ): Promise<Calls[N]['response']>;
  /** A call with many answers. */
  stream<N extends keyof Streams>(name: N, request: Streams[N]): ClientReadableStream<ExecuteResponse>;
  /** Gives up a connection that may hang and makes another one; calls on the old one fail. */
  renew(): void;
  close(): void;
}

const credentialsOf = (address: Address, certificates: Buffer | undefined): ChannelCredentials =>
  address.tls ? credentials.createSsl(certificates) : credentials.createInsecure();

export const connect = (address: Address, sessionId: string, certificates?: Buffer): Connection => {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  const open = () =>
    new Client(`${host}:${address.port}`, credentialsOf(address, certificates), channelOptions(address.host));
  let client = open();
  let observed: string | undefined;
  const metadata = () => {
    const made = new Metadata();
    if (address.token !== undefined) made.set('authorization', `Bearer ${address.token}`);
    for (const [key, value] of Object.entries(address.headers)) made.set(key, value);
    return made;
  };
  // The server compares its own name of the session: after a restart it says that ours is gone, instead of making an empty one.
  const whole = (request: object) => ({
    session_id: sessionId,
    user_context: { user_id: address.user, user_name: address.user },
    client_type: CLIENT_TYPE,
    ...(observed === undefined ? {} : { client_observed_server_side_session_id: observed }),
    ...request,
  });
  const observe = (response: object) => {
    if ('server_side_session_id' in response && typeof response.server_side_session_id === 'string')
      observed ??= response.server_side_session_id;
  };
  return {
    address,
    ask: (name, request, { milliseconds, signal }) =>
      new Promise((resolve, reject) => {
        const { path, requestSerialize, responseDeserialize } = method(name);
        const options: CallOptions = { deadline: Date.now() + milliseconds };
        const call = client.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          whole(request),
          metadata(),
          options,
          (failed, response) => {
            signal?.removeEventListener('abort', stop);
            if (failed) return reject(failed);
            observe(response ?? {});
            resolve((response ?? {}) as Calls[typeof name]['response']);
          },
        );
        const stop = () => call.cancel();
        if (signal?.aborted) stop();
        else signal?.addEventListener('abort', stop, { once: true });
      }),
    stream: (name, request) => {
      const { path, requestSerialize, responseDeserialize } = method(name);
      const read = (bytes: Buffer): ExecuteResponse => {
        const response = responseDeserialize(bytes);
        observe(response);
        return response;
      };
      return client.makeServerStreamRequest(path, requestSerialize, read, whole(request), metadata());
    },
    renew: () => {
      const old = client;
      client = open();
      old.close();
    },
    close: () => client.close(),
  };
};
