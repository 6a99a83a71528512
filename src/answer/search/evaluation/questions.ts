import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { error } from '../../../errors/index.js';
import type { Document } from '../documents.js';

/** One question with the ids of the documents that answer it. */
export interface EvaluationQuestion {
  readonly q: string;
  readonly right: readonly string[];
  readonly kind: 'exact' | 'paraphrase';
  /** Held out: no weight was ever set on it. */
  readonly heldOut: boolean;
}

/** A model's questions; `documents` is undefined where the model in use is meant. */
export interface EvaluationSet {
  readonly title: string;
  readonly documents: readonly Document[] | undefined;
  readonly questions: readonly EvaluationQuestion[];
}

type Row = readonly [string, ...string[]];
type MemberRow = readonly [string, string, string, string, readonly string[], string];
interface File {
  readonly title?: string;
  readonly members?: readonly MemberRow[];
  readonly exact?: readonly Row[];
  readonly paraphrase?: readonly Row[];
}

/** Reads a file of questions. Errors: `file-unreadable`. */
export const readEvaluation = (file: string): EvaluationSet => {
  let given: File;
  try {
    given = parse(readFileSync(file, 'utf8')) as File;
  } catch (thrown) {
    throw error('file-unreadable', { file, why: (thrown as Error).message.split('\n', 1)[0] ?? '' }, thrown);
  }
  const rows = (kind: 'exact' | 'paraphrase') =>
    (given[kind] ?? []).map((row, i): EvaluationQuestion => {
      if (!Array.isArray(row) || row.length < 2 || !row.every((t) => typeof t === 'string'))
        throw error('file-unreadable', { file, why: `${kind}[${i}] is no list of a question and its right answers` });
      const [q, ...right] = row as Row;
      return { q, right, kind, heldOut: i % 2 === 1 };
    });
  return {
    title: given.title ?? file,
    documents: given.members?.map(documentOf),
    questions: [...rows('exact'), ...rows('paraphrase')],
  };
};

const documentOf = ([id, kind, title, description, synonyms, unit]: MemberRow): Document => ({
  id,
  fields: {
    title,
    name: id.slice(id.indexOf('.') + 1).replaceAll('_', ' '),
    synonyms: synonyms.join(', '),
    description,
    unit,
    owner: id.slice(0, id.indexOf('.')),
    kind,
  },
});
