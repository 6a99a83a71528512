import type { Socket } from 'node:net';
import { type Frame, FrameSplitter } from './codec/frames.js';

/** Bytes that may wait unread before the client is made to wait. */
const MOST_WAITING = 1 << 20;

/** The client's side: messages in order, one at a time; bytes out with back-pressure. */
export class Client {
  readonly splitter = new FrameSplitter();
  private wake: (() => void) | undefined;
  private out: Buffer[] = [];
  private scheduled = false;
  closed = false;
  onClose: () => void = () => {};
  /** Called when the client reads too slowly, and when it has caught up. */
  onFull: (full: boolean) => void = () => {};

  constructor(readonly socket: Socket) {
    this.splitter.untyped = true;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.splitter.append(chunk);
      if (this.wake) this.wake();
      else if (this.splitter.size > MOST_WAITING) socket.pause();
    });
    socket.on('drain', () => this.onFull(false));
    socket.on('error', () => socket.destroy()); // its `close` follows
    socket.on('end', () => this.gone());
    socket.on('close', () => this.gone());
  }

  private gone(): void {
    if (this.closed) return;
    this.closed = true;
    this.wake?.();
    this.onClose();
  }

  /** The next message, or undefined when no more will come. Errors: `request-invalid` for bytes that are no messages. */
  async next(): Promise<Frame | undefined> {
    for (;;) {
      const frame = this.splitter.take();
      if (frame) return frame;
      if (this.closed) return undefined;
      if (this.socket.isPaused()) this.socket.resume();
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      this.wake = undefined;
    }
  }

  show(bytes: Buffer): void {
    this.out.push(bytes);
    if (this.scheduled) return;
    this.scheduled = true;
    process.nextTick(() => this.flush());
  }

  flush(): void {
    this.scheduled = false;
    if (this.out.length === 0 || this.socket.destroyed || this.socket.writableEnded) return;
    const bytes = this.out.length === 1 && this.out[0] ? this.out[0] : Buffer.concat(this.out);
    this.out = [];
    if (!this.socket.write(bytes)) this.onFull(true);
  }

  /** Says a last word and ends. */
  end(bytes?: Buffer): void {
    if (bytes) this.show(bytes);
    this.flush();
    this.socket.end();
  }
}
