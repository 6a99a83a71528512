import { readDataRow } from './codec/read.js';
import { bindMessage, closeMessage, executeMessage, parseMessage, reportMessage } from './codec/write.js';
import type { Conversation } from './conversation.js';
import { type Failure, withoutContext } from './reports.js';

/** Name of the front's own statement and portal in the client's backend; it lives for one question. */
const NAME = '_assay_x';

export interface InBandParameters {
  readonly types: readonly number[];
  readonly formats: readonly number[];
  readonly values: readonly (Buffer | null)[];
}
const NONE: InBandParameters = { types: [], formats: [], values: [] };

/**
 * Asks the client's own backend, inside the client's transaction and hidden from it. Undefined: an error came (it was shown), and
 * the backend skips to Sync.
 */
export const askInBand = async (
  conversation: Conversation,
  sql: string,
  parameters: InBandParameters = NONE,
): Promise<readonly (readonly (string | null)[])[] | undefined> => {
  const rows: (readonly (string | null)[])[] = [];
  const { types, formats, values } = parameters;
  const patch = withoutContext;
  clear(conversation);
  conversation.hidden(parseMessage(NAME, sql, types), 'parse', { patch });
  conversation.hidden(bindMessage({ portal: NAME, statement: NAME, formats, values, results: [] }), 'bind', { patch });
  conversation.hidden(executeMessage(NAME), 'execute', {
    patch,
    on: (type, payload) => {
      if (type === 'D') rows.push(readDataRow(payload));
    },
  });
  clear(conversation);
  return (await conversation.drain()) ? rows : undefined;
};

/** What an error left behind: prepared statements outlive it. */
const clear = (conversation: Conversation): void => {
  conversation.hidden(closeMessage('P', NAME), 'close');
  conversation.hidden(closeMessage('S', NAME), 'close');
};

/**
 * Ends the client's statement with an error of ours. The backend raises it, so the transaction's state and the skipping to Sync
 * are its own.
 */
export const failInBand = (conversation: Conversation, failure: Failure): void => {
  const report = reportMessage('E', { severity: 'ERROR', ...failure });
  const patch = (payload: Buffer) => withoutContext(payload, failure.code === codeOf(payload) ? report : undefined);
  const values = [failure.code, failure.message, failure.hint ?? ''].map((v) => Buffer.from(v, 'utf8'));
  clear(conversation);
  conversation.hidden(parseMessage(NAME, 'SELECT assay.fail($1, $2, $3)', [25, 25, 25]), 'parse', { patch });
  conversation.hidden(bindMessage({ portal: NAME, statement: NAME, formats: [], values, results: [] }), 'bind', {
    patch,
  });
  conversation.hidden(executeMessage(NAME), 'execute', { patch });
};

const codeOf = (payload: Buffer): string => {
  const at = payload.indexOf(Buffer.from('\0C'));
  return at < 0 ? '' : payload.toString('latin1', at + 2, at + 7);
};
