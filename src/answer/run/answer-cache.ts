import type { ColumnBatch } from '../../query/index.js';

/** All rows of an answer. Batches are shared by every reader and never changed. */
export interface KeptRows {
  readonly batches: readonly ColumnBatch[];
  readonly rows: number;
  readonly bytes: number;
  /** Rows without a page, where they were counted. */
  readonly total?: number;
}

/**
 * Answers in memory, least recently used first out. A key holds all that its rows depend on, so an entry is never wrong and nothing
 * expires.
 */
export class AnswerCache {
  readonly #kept = new Map<string, KeptRows>();
  #bytes = 0;
  /** @param most bytes that all entries may take; one entry may take an eighth of it. */
  constructor(readonly most: number) {}

  get(key: string): KeptRows | undefined {
    const found = this.#kept.get(key);
    if (found) {
      this.#kept.delete(key);
      this.#kept.set(key, found);
    }
    return found;
  }

  put(key: string, rows: KeptRows): void {
    const size = rows.bytes + 256;
    if (size > this.most / 8 || this.#kept.has(key)) return;
    this.#kept.set(key, rows);
    this.#bytes += size;
    for (const [oldest, { bytes }] of this.#kept) {
      if (this.#bytes <= this.most) break;
      this.#kept.delete(oldest);
      this.#bytes -= bytes + 256;
    }
  }

  get bytes(): number {
    return this.#bytes;
  }
}
