import { join } from 'node:path';
import {
  ABLATIONS,
  askAll,
  type EvaluationSet,
  embeddedBackend,
  GATES,
  type Measured,
  measure,
  memberDocument,
  missedGates,
  readEvaluation,
  readRelatedWords,
  readTokenVectors,
  tune,
} from '../answer/search/index.js';
import { loadModel } from '../model/cube/index.js';
import type { Context } from './context.js';
import { openVectors, relatedWordsFile, tokenVectorsFile } from './open-search.js';
import { table } from './print.js';

const FILES = ['retail', 'saas', 'logistics'];

/** Asks the shipped questions, prints what each signal adds, and sets the exit code where a gate is missed. */
export const evaluate = async (c: Context, tuning: boolean): Promise<void> => {
  const { catalogue } = await loadModel(join(c.root, 'model'));
  const members = [...catalogue.members.values()].filter((m) => m.public && catalogue.owners.get(m.owner)?.public);
  const sets = FILES.map((name): EvaluationSet & { documents: readonly ReturnType<typeof memberDocument>[] } => {
    const set = readEvaluation(join(c.root, 'data', 'search', `${name}.yml`));
    return { ...set, documents: set.documents ?? members.map((m) => memberDocument(m, catalogue)) };
  });
  const { vectors, why } = openVectors(c.config, undefined);
  try {
    const related = readRelatedWords(relatedWordsFile(c.root));
    const senses = readTokenVectors(tokenVectorsFile(c.root));
    const asked = await askAll(sets, embeddedBackend, vectors, related, senses);
    const tuned = tuning ? tune(asked) : undefined;
    const weights = tuned?.weights;
    const rows: [string, Measured][] = [
      ...Object.entries(ABLATIONS).map(([name, of]): [string, Measured] => [name, measure(asked, of(weights))]),
      [
        '  the half that weights were set on',
        measure(
          asked.filter((a) => !a.question.heldOut),
          weights,
        ),
      ],
      [
        '  the half that was held out',
        measure(
          asked.filter((a) => a.question.heldOut),
          weights,
        ),
      ],
      ...(tuned ? [['  cross-validated (5 folds)', tuned.crossValidated] satisfies [string, Measured]] : []),
    ];
    const missed = missedGates(measure(asked, weights));
    if (c.json)
      c.out(
        `${JSON.stringify({ embedder: vectors?.id ?? null, ...(weights ? { weights } : {}), measured: Object.fromEntries(rows), gates: GATES, missed })}\n`,
      );
    else {
      if (weights) c.out(`best weights: ${JSON.stringify(weights)}\n`);
      c.out(table(HEAD, rows.map(cells)));
      c.out(`${asked.length} questions, embedder ${vectors?.id ?? `none: ${why}`}; intervals are Wilson's, 95 %\n`);
      for (const line of missed) c.out(`missed: ${line}\n`);
    }
    if (missed.length > 0) process.exitCode = 1;
  } finally {
    await vectors?.close();
  }
};

const HEAD = ['signals', 'R@1', 'R@5', '95 %', 'R@10', 'nDCG@10', 'exact R@1', 'paraphrase R@10'];
const cells = ([name, m]: readonly [string, Measured]): string[] => [
  name,
  m.r1.share.toFixed(3),
  m.r5.share.toFixed(3),
  `${m.r5.low.toFixed(2)} to ${m.r5.high.toFixed(2)}`,
  m.r10.share.toFixed(3),
  m.ndcg10.toFixed(3),
  m.exactR1.share.toFixed(3),
  m.paraphraseR10.share.toFixed(3),
];
