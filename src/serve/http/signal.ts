import type { ServerResponse } from 'node:http';

/**
 * Aborts when the client goes away, or the server closes, before the answer was written whole. Made from the response: a request's
 * own `close` already fires when its body was read.
 */
export const signalOf = (response: ServerResponse): AbortSignal => {
  const controller = new AbortController();
  const onClose = () => {
    if (!response.writableFinished) controller.abort();
  };
  if (response.destroyed) onClose();
  else response.once('close', onClose);
  return controller.signal;
};
