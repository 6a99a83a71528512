import type { Ask } from '../../answer/run/index.js';
import type { Caller, Emit } from '../../query/index.js';
import type { FacadeDatabase } from './cluster.js';
import type { Conversation } from './conversation.js';

/** What the stations of one session share. */
export interface SessionParts {
  readonly ask: Ask;
  readonly caller: Caller;
  readonly emit: Emit;
  readonly database: FacadeDatabase;
  readonly conversation: Conversation;
  /** Sends bytes to the client, behind all that was shown before. */
  readonly show: (bytes: Buffer) => void;
  readonly notice: (what: string, text: string) => void;
  readonly requestId: () => string;
  /** A question to the model begins: a cancel request aborts it. `finish` when it has ended. */
  readonly begin: () => AbortController;
  readonly finish: (aborter: AbortController) => void;
  /** Errors that `Ask` threw: it has told of them already, so they are not told of twice. */
  readonly told: WeakSet<object>;
}
