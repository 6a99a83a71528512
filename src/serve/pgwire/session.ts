import { randomUUID } from 'node:crypto';
import { AssayError, error } from '../../errors/index.js';
import { Backend, type BackendTarget, cancelBackend } from './backend.js';
import type { Client } from './client.js';
import type { FacadeDatabase } from './cluster.js';
import type { Frame } from './codec/frames.js';
import { readReport } from './codec/read.js';
import { frame, int32, reportMessage, SYNC } from './codec/write.js';
import { Conversation } from './conversation.js';
import { Extended } from './extended.js';
import { failInBand } from './in-band.js';
import type { LoggedIn } from './login.js';
import type { SqlServerOptions } from './options.js';
import type { SessionParts } from './parts.js';
import { failureOf, fatal } from './reports.js';
import { simpleQuery } from './simple.js';

/** Seconds by which a token outlives its `exp` where nothing else is set: as the login and the other surfaces have it. */
const CLOCK_SKEW = 30;
/** Longest delay of a timer; tokens that live longer are looked at again then. */
const LONGEST_DELAY = 2_147_483_647;

export interface SessionStart {
  readonly client: Client;
  readonly login: LoggedIn;
  readonly database: FacadeDatabase;
  readonly target: BackendTarget;
  readonly options: SqlServerOptions;
  /** The cancel key that the client gets instead of the backend's. */
  readonly key: { readonly pid: number; readonly secret: Buffer };
}

/** One client's session: its backend, its prepared statements, the question that runs. */
export class Session {
  private backend: Backend | undefined;
  private conversation: Conversation | undefined;
  private extended: Extended | undefined;
  private running: AbortController | undefined;
  private backendKey: Buffer | undefined;
  private expiry: NodeJS.Timeout | undefined;
  private ended = false;
  private toldWhy = false;
  private parts: SessionParts | undefined;
  private requestId: string = randomUUID();

  constructor(private readonly start: SessionStart) {}

  get key(): SessionStart['key'] {
    return this.start.key;
  }

  /** Serves the client until one side ends. Errors: `postgres-unavailable` before the first ReadyForQuery; bugs. */
  async serve(): Promise<void> {
    const { client, login, options } = this.start;
    const backend = await this.open();
    client.onFull = (full) => (full ? backend.pause() : backend.resume());
    client.onClose = () => this.close();
    backend.onClose = () => this.backendGone();
    const { expiresAt } = login.caller;
    if (expiresAt !== undefined) this.expireAt(expiresAt + (options.clockSkewSeconds ?? CLOCK_SKEW));
    try {
      for (let f = await client.next(); f && !this.ended; f = await client.next()) await this.take(f);
    } catch (thrown) {
      if (!(thrown instanceof AssayError) || thrown.code !== 'request-invalid') throw thrown;
      client.end(fatal(thrown.sqlstate, thrown.message));
    } finally {
      this.close();
      await backend.gone; // its login role is free only then
    }
  }

  private async open(): Promise<Backend> {
    const { client, login, target, options, database } = this.start;
    const early: Frame[] = [];
    const refused = (report: ReadonlyMap<string, string>) => {
      this.toldWhy = true;
      client.end(fatal(report.get('C') ?? 'XX000', report.get('M') ?? '', report.get('H')));
      return error('request-invalid', { where: 'startup', what: report.get('M') ?? '' });
    };
    const backend = await Backend.open(
      target,
      { client_encoding: 'UTF8', ...login.parameters },
      (f) => early.push(f),
      refused,
    );
    this.backend = backend;
    const show = (bytes: Buffer) => client.show(bytes);
    const conversation = new Conversation(backend, show, (status) => {
      if (status === 'I') this.extended?.portals.clear(); // a portal lives as long as its transaction
    });
    this.conversation = conversation;
    const parts: SessionParts = {
      ask: options.ask,
      caller: login.caller,
      emit: options.emit,
      database,
      conversation,
      show,
      notice: (what, message) =>
        show(reportMessage('N', { severity: 'NOTICE', code: '00000', message: `${what}: ${message}` })),
      requestId: () => this.requestId,
      told: new WeakSet(),
      begin: () => {
        this.running = new AbortController();
        return this.running;
      },
      finish: (aborter) => {
        if (this.running === aborter) this.running = undefined;
      },
    };
    this.extended = new Extended(parts);
    this.parts = parts;
    backend.onFrame = (f) => this.fromBackend(f, conversation);
    backend.onBug = (thrown) => options.emit('bug', { where: 'sql backend', error: thrown });
    for (const f of early) this.fromBackend(f, conversation);
    return backend;
  }

  private fromBackend(f: Frame, conversation: Conversation): void {
    if (f.type === 'K') {
      this.backendKey = Buffer.from(f.payload);
      const { pid, secret } = this.start.key;
      this.start.client.show(frame('K', int32(pid), secret));
      return;
    }
    if (f.type === 'E' && ['FATAL', 'PANIC'].includes(readReport(f.payload).get('V') ?? '')) this.toldWhy = true;
    conversation.onFrame(f);
  }

  private async take({ type, bytes, payload }: Frame): Promise<void> {
    const { conversation, extended, parts } = this;
    if (!conversation || !extended || !parts) return;
    if (type === 'X') return this.close();
    if (type === 'S') return conversation.send(bytes, 'sync');
    if (conversation.skipping) return;
    if (type === 'H' || type === 'd' || type === 'c' || type === 'f') return conversation.raw(bytes);
    this.requestId = randomUUID();
    try {
      if (type === 'Q') {
        if ((await simpleQuery(parts, extended, payload)) === 'sync') conversation.send(SYNC, 'sync');
      } else if (type === 'P') extended.parse(payload);
      else if (type === 'B') extended.bind(payload, bytes);
      else if (type === 'D') conversation.send(bytes, 'describe');
      else if (type === 'E') await extended.execute(payload, bytes);
      else if (type === 'C') extended.close(payload, bytes);
      else throw error('request-invalid', { where: 'message', what: `its type ${JSON.stringify(type)} is not known` });
    } catch (thrown) {
      if (thrown instanceof AssayError && thrown.code === 'request-invalid') throw thrown;
      if (this.ended) return;
      this.refuse(thrown);
      if (type === 'Q') conversation.send(SYNC, 'sync');
    }
  }

  private refuse(thrown: unknown): void {
    const { conversation, requestId } = this;
    const { login, options } = this.start;
    const failure = failureOf(thrown, requestId, options.emit);
    const code = thrown instanceof AssayError ? thrown.code : 'internal';
    const told = thrown instanceof Error && this.parts?.told.has(thrown);
    if (!told) options.emit('query.refused', { surface: 'sql', subject: login.caller.subject, code, requestId });
    if (conversation) failInBand(conversation, failure);
  }

  /** What the client's cancel request does: the question to the model ends, or what the backend runs. */
  cancel(): void {
    if (this.running) this.running.abort();
    else if (this.backendKey) cancelBackend(this.start.target, this.backendKey);
  }

  private expireAt(seconds: number): void {
    const left = seconds * 1000 - Date.now();
    this.expiry = setTimeout(
      () =>
        left > LONGEST_DELAY
          ? this.expireAt(seconds)
          : this.end('57P01', 'terminating connection: the token has expired', 'connect with a new token'),
      Math.max(0, Math.min(left, LONGEST_DELAY)),
    );
    this.expiry.unref();
  }

  private backendGone(): void {
    this.conversation?.end();
    if (!this.toldWhy && !this.start.client.closed)
      this.end('57P01', 'terminating connection: its PostgreSQL backend was lost', 'connect again');
    else this.close();
  }

  /** Ends the session with a last word. */
  end(code: string, message: string, hint?: string): void {
    if (this.ended) return;
    this.toldWhy = true;
    this.start.client.end(fatal(code, message, hint));
    this.close();
  }

  private close(): void {
    if (this.ended) return;
    this.ended = true;
    clearTimeout(this.expiry);
    this.running?.abort();
    if (this.backendKey && this.conversation?.busy) cancelBackend(this.start.target, this.backendKey);
    this.conversation?.end();
    this.backend?.end();
    this.start.client.end();
  }
}
