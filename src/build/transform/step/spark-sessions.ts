import type { SparkGateway } from '../../../store/engine/index.js';

/** Whether steps can run on the Spark server now. */
export type SparkReach = { readonly reachable: true } | { readonly reachable: false; readonly why: string };

/** The sessions of this process on one Spark Connect server. */
export interface Spark {
  /**
   * Runs work in a session that nobody else uses meanwhile; its views are the work's to drop. A session that the server has lost is not
   * used again. Errors: those of the work, `spark-unavailable`, `spark-refused`, `cancelled`.
   */
  session<T>(work: (gateway: SparkGateway) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /**
   * Asks the server once whether it answers and writes where we read: a folder that both must have at the same path. What it said is
   * kept while it can be reached. Never throws but `cancelled`.
   */
  reach(folder: string, signal?: AbortSignal): Promise<SparkReach>;
  close(): Promise<void>;
}
