import { error } from '../../errors/index.js';

export interface DemoRows {
  /** CSV records to write, without the header. */
  readonly rows: number;
  /** The same seed and count give the same bytes. */
  readonly seed: number;
  /** File to write; replaced in one step when all is written. */
  readonly out: string;
  readonly signal?: AbortSignal;
}

/** `source_system` of generated data. */
export const SYNTHETIC = 'synthetic';

/** Writes a file of the online-retail shape with made-up contents, streaming. Errors: `file-unreadable`, `disk-full`, `cancelled`. */
export const demoRows = async (_demo: DemoRows): Promise<{ readonly rows: number; readonly bytes: number }> => {
  throw error('internal', {});
};
