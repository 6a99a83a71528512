/** Scores of documents by position. Dense and reused: a hundred thousand documents are scored without one object a document. */
export class Scores {
  readonly #scores: Float64Array;
  #touched: number[] = [];
  constructor(readonly size: number) {
    this.#scores = new Float64Array(size);
  }
  clear(): void {
    for (const doc of this.#touched) this.#scores[doc] = 0;
    this.#touched = [];
  }
  add(doc: number, score: number): void {
    const before = this.#scores[doc] ?? 0;
    if (before === 0) this.#touched.push(doc);
    this.#scores[doc] = before + score;
  }
  /** Keeps the greater of two scores: a word of the question counts once a document. */
  raise(doc: number, score: number): void {
    const before = this.#scores[doc] ?? 0;
    if (before === 0) this.#touched.push(doc);
    if (score > before) this.#scores[doc] = score;
  }
  of(doc: number): number {
    return this.#scores[doc] ?? 0;
  }
  get touched(): readonly number[] {
    return this.#touched;
  }
}

/** The best `most` of some documents, best first; equal scores by position, so that the order is stable. */
export const best = (docs: Iterable<number>, score: (doc: number) => number, most: number): number[] => {
  const worse = (a: number, b: number) => score(a) < score(b) || (score(a) === score(b) && a > b);
  const heap: number[] = []; // the worst of the best on top
  const at = (i: number) => heap[i] as number;
  const swap = (i: number, j: number) => {
    const kept = at(i);
    heap[i] = at(j);
    heap[j] = kept;
  };
  const sink = () => {
    for (let i = 0; ; ) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) if (child < heap.length && worse(at(child), at(least))) least = child;
      if (least === i) return;
      swap(i, least);
      i = least;
    }
  };
  for (const doc of docs) {
    if (heap.length < most) {
      heap.push(doc);
      for (let i = heap.length - 1; i > 0; ) {
        const parent = (i - 1) >> 1;
        if (!worse(at(i), at(parent))) break;
        swap(i, parent);
        i = parent;
      }
    } else if (heap.length > 0 && worse(at(0), doc)) {
      heap[0] = doc;
      sink();
    }
  }
  return heap.sort((a, b) => (worse(a, b) ? 1 : -1));
};
