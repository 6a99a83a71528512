import { connect, type Socket } from 'node:net';
import { AssayError, error } from '../../errors/index.js';
import { type Frame, FrameSplitter } from './codec/frames.js';
import { Reader, readReport } from './codec/read.js';
import { scramClient } from './codec/scram.js';
import { frame, int32, TERMINATE, text } from './codec/write.js';

/** Where a backend lives, and as whom it is opened. */
export interface BackendTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

const unreachable = (why: string, cause?: unknown) =>
  error('postgres-unavailable', { what: 'the session cluster', why }, cause);

/** One PostgreSQL backend: messages in, messages out. Writes are joined until the end of the turn. */
export class Backend {
  private readonly pending: Buffer[] = [];
  private scheduled = false;
  /** Called for every message after the login's own, and `onEnd` after each chunk; `onClose` once. */
  onFrame: (frame: Frame) => void = () => {};
  onEnd: () => void = () => {};
  onClose: () => void = () => {};
  /** Called when a message of the backend could not be handled; the connection is cut. */
  onBug: (thrown: unknown) => void = () => {};
  closed = false;
  /** Resolves when the connection has gone. */
  readonly gone: Promise<void>;
  private readonly wentAway: () => void;

  private constructor(
    private readonly socket: Socket,
    private readonly target: BackendTarget,
  ) {
    let resolved = () => {};
    this.gone = new Promise((resolve) => {
      resolved = resolve;
    });
    this.wentAway = resolved;
  }

  /**
   * Opens a backend. ParameterStatus, BackendKeyData and ReadyForQuery of its start go to `onFrame`.
   * Errors: `postgres-unavailable`; a backend that refuses the settings gives its own report through `refused`.
   */
  static open(
    target: BackendTarget,
    parameters: Readonly<Record<string, string>>,
    onFrame: (frame: Frame) => void,
    refused: (report: ReadonlyMap<string, string>) => Error = (r) =>
      unreachable(`it refused the login (${r.get('C') ?? '?'})`),
  ): Promise<Backend> {
    const socket = connect({ host: target.host, port: target.port, noDelay: true });
    const backend = new Backend(socket, target);
    backend.onFrame = onFrame;
    const splitter = new FrameSplitter();
    splitter.limit = 0x7fff_fff0;
    return new Promise((resolve, reject) => {
      let ready = false;
      const login = backend.login(reject);
      const take = (f: Frame): void => {
        if (ready) backend.onFrame(f);
        else if (f.type === 'R') login(f.payload);
        else if (f.type === 'E') {
          reject(refused(readReport(f.payload)));
          socket.destroy();
        } else {
          backend.onFrame(f);
          if (f.type === 'Z') {
            ready = true;
            resolve(backend);
          }
        }
      };
      socket.on('connect', () => {
        const all = { ...parameters, user: target.user, database: target.database };
        const pairs = Object.entries(all).flatMap(([k, v]) => [text(k), text(v)]);
        socket.write(frame('', int32(196_608), ...pairs, Buffer.of(0)));
      });
      socket.on('data', (chunk) => {
        try {
          splitter.append(chunk);
          for (let f = splitter.take(); f; f = splitter.take()) take(f);
          if (ready) backend.onEnd();
        } catch (thrown) {
          if (ready) backend.onBug(thrown);
          reject(thrown instanceof AssayError ? thrown : unreachable('its answers cannot be read', thrown));
          socket.destroy();
        }
      });
      socket.on('error', (thrown) => reject(unreachable('the connection failed', thrown)));
      socket.on('close', () => {
        backend.closed = true;
        backend.wentAway();
        reject(unreachable('it closed the connection'));
        backend.onClose();
      });
    });
  }

  /** Answers the server's authentication requests: none, password, SCRAM-SHA-256. */
  private login(reject: (why: Error) => void): (payload: Buffer) => void {
    const scram = scramClient(this.target.password);
    return (payload) => {
      const r = new Reader(payload);
      const kind = r.int32();
      if (kind === 0) return;
      if (kind === 3) this.socket.write(frame('p', this.target.password));
      else if (kind === 10) {
        const first = Buffer.from(scram.first, 'utf8');
        this.socket.write(frame('p', 'SCRAM-SHA-256', int32(first.length), first));
      } else if (kind === 11) this.socket.write(frame('p', Buffer.from(scram.answer(r.rest.toString('utf8')), 'utf8')));
      else if (kind === 12) scram.verify(r.rest.toString('utf8'));
      else reject(unreachable(`it asks for a login of kind ${kind}; password or scram-sha-256 are known`));
    };
  }

  write(bytes: Buffer): void {
    this.pending.push(bytes);
    if (this.scheduled) return;
    this.scheduled = true;
    process.nextTick(() => this.flush());
  }

  flush(): void {
    this.scheduled = false;
    if (this.pending.length === 0 || this.closed) return;
    this.socket.write(this.pending.length === 1 && this.pending[0] ? this.pending[0] : Buffer.concat(this.pending));
    this.pending.length = 0;
  }

  pause(): void {
    this.socket.pause();
  }
  resume(): void {
    this.socket.resume();
  }
  end(): void {
    if (this.closed) return;
    this.flush();
    this.socket.end(TERMINATE);
  }
  destroy(): void {
    this.socket.destroy();
  }
}

/** Asks a cluster to cancel what a backend runs. Nobody waits for it, and it answers nothing. */
export const cancelBackend = (target: BackendTarget, key: Buffer): void => {
  const socket = connect({ host: target.host, port: target.port }, () => {
    socket.end(frame('', int32(80_877_102), key));
  });
  socket.on('error', () => socket.destroy()); // the backend's connection tells when the cluster is gone
};
