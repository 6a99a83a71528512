/** A text that can be found: fields by name, each a text of its own weight. */
export interface Document {
  readonly id: string;
  readonly fields: Readonly<Record<string, string>>;
  /** A small head start, in units of the fused score; certified members have one. */
  readonly prior?: number;
}

/** How much a word counts in a field, and how much a long field dilutes it (BM25F's weight and b). */
export interface FieldWeight {
  readonly weight: number;
  readonly b: number;
}

export const FIELDS: Readonly<Record<string, FieldWeight>> = {
  title: { weight: 3, b: 0.4 },
  name: { weight: 3, b: 0.4 },
  value: { weight: 3, b: 0.6 },
  synonyms: { weight: 2.5, b: 0.3 },
  description: { weight: 1, b: 0.75 },
  unit: { weight: 0.5, b: 0 },
  owner: { weight: 0.5, b: 0 },
};
export const OTHER_FIELD: FieldWeight = { weight: 1, b: 0.75 };

/** What an embedder reads of a document: a sentence, as a person would introduce the thing. */
export const sentenceOf = ({ fields }: Document): string => {
  const { title, value, synonyms, description } = fields;
  if (value !== undefined) return value;
  const also = synonyms ? ` (${synonyms})` : '';
  return `${title ?? fields['name'] ?? ''}${also}. ${description ?? ''}`.trim();
};

/** Gives the event loop a turn, so that a long build stops nobody's request; throws when it is no longer wanted. */
export const breathe = async (signal: AbortSignal | undefined): Promise<void> => {
  await new Promise<void>((resolve) => setImmediate(resolve));
  signal?.throwIfAborted();
};
export const BREATH = 2_000;
