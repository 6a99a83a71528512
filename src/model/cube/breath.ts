/**
 * Lets everything else that waits have its turn. Loading a model is work of this thread, and a server may answer questions on it: the
 * work is done piece by piece.
 */
export const breath = (): Promise<void> => new Promise((done) => setImmediate(done));
