import type { Backend } from './backend.js';
import type { Frame } from './codec/frames.js';
import { FLUSH } from './codec/write.js';

/** What a message of ours or of the client's makes the backend answer. */
export type Kind = 'parse' | 'bind' | 'describe' | 'execute' | 'close' | 'sync' | 'query';

/** One reply that is expected. */
export interface Expected {
  /** Hidden replies are the front's own; errors are shown all the same, since they decide the transaction's fate. */
  readonly show?: boolean;
  /** Every message of the reply. */
  readonly on?: (type: string, payload: Buffer) => void;
  /** When the reply is complete, or when an error before it made the backend skip it. */
  readonly done?: (ok: boolean) => void;
  /** Rewrites an error before it is shown. */
  readonly patch?: (payload: Buffer) => Buffer;
  /** At the end of each statement of a simple query. */
  readonly completed?: (index: number) => void;
}

interface Waiting {
  readonly kind: Kind;
  readonly options: Expected;
  /** Statements of a simple query that are complete. */
  statements: number;
}

const ENDS: Readonly<Record<Exclude<Kind, 'query' | 'sync'>, readonly string[]>> = {
  parse: ['1'],
  bind: ['2'],
  close: ['3'],
  describe: ['T', 'n'],
  execute: ['C', 'I', 's'],
};

/**
 * The queue of replies that a backend owes, in order. What is shown goes to the client byte for byte; what is hidden is swallowed.
 * After an error the backend skips to the next Sync, and so does the queue.
 */
export class Conversation {
  private expected: Waiting[] = [];
  private waiter: (() => void) | undefined;
  /** True from an error until the Sync that ends it: whatever is sent is dropped, as the backend would. */
  skipping = false;
  /** Of the last ReadyForQuery: I, T or E. */
  status = 'I';
  readonly settings = new Map<string, string>();

  constructor(
    private readonly backend: Backend,
    private readonly show: (bytes: Buffer) => void,
    private readonly onReady: (status: string) => void,
  ) {}

  send(bytes: Buffer, kind: Kind, options: Expected = {}): void {
    if (this.skipping && kind !== 'sync') {
      options.done?.(false);
      return;
    }
    this.expected.push({ kind, options: { show: true, ...options }, statements: 0 });
    this.backend.write(bytes);
  }

  hidden(bytes: Buffer, kind: Kind, options: Expected = {}): void {
    this.send(bytes, kind, { ...options, show: false });
  }

  /** Bytes that make no reply of their own (COPY data, Flush). */
  raw(bytes: Buffer): void {
    this.backend.write(bytes);
  }

  /** Waits until every reply has come. False: one of them was an error, and the backend skips to Sync. */
  async drain(): Promise<boolean> {
    if (this.skipping) return false;
    if (this.expected.length > 0) {
      this.backend.write(FLUSH);
      this.backend.flush();
      await new Promise<void>((resolve) => {
        this.waiter = resolve;
        this.settle();
      });
    }
    return !this.skipping;
  }

  /** Whether the backend still owes replies. */
  get busy(): boolean {
    return this.expected.length > 0;
  }

  /** Nothing more will come. */
  end(): void {
    this.skipping = true;
    this.fail();
    this.settle();
  }

  onFrame({ type, bytes, payload }: Frame): void {
    if (type === 'S') this.setting(payload);
    const [head] = this.expected;
    if (type === 'Z') this.ready(bytes, payload);
    else if (!head || type === 'S' || type === 'N' || type === 'A') this.show(bytes);
    else this.reply(head, type, bytes, payload);
  }

  private reply(head: Waiting, type: string, bytes: Buffer, payload: Buffer): void {
    const { options, kind } = head;
    if (type === 'E') {
      this.show(options.patch ? options.patch(payload) : bytes);
      if (kind !== 'query') this.failed();
      return;
    }
    options.on?.(type, payload);
    if (options.show) this.show(bytes);
    if (kind === 'query') {
      if (type === 'C' || type === 'I') options.completed?.(head.statements++);
    } else if (kind !== 'sync' && ENDS[kind].includes(type)) {
      this.expected.shift();
      options.done?.(true);
      this.settle();
    }
  }

  private setting(payload: Buffer): void {
    const [name = '', value = ''] = payload.toString('utf8').split('\0');
    this.settings.set(name, value);
  }

  private ready(bytes: Buffer, payload: Buffer): void {
    this.status = String.fromCharCode(payload[0] ?? 0x49);
    this.skipping = false;
    this.onReady(this.status);
    const head = this.expected.shift();
    head?.options.done?.(true);
    this.show(bytes);
    this.settle();
  }

  private failed(): void {
    this.fail();
    if (this.expected.length === 0) this.skipping = true;
    this.settle();
  }

  private fail(): void {
    while (this.expected.length > 0 && (this.skipping || this.expected[0]?.kind !== 'sync'))
      this.expected.shift()?.options.done?.(false);
  }

  private settle(): void {
    if (!this.waiter || (this.expected.length > 0 && !this.skipping)) return;
    const resume = this.waiter;
    this.waiter = undefined;
    resume();
  }
}
