import type { App } from '../app.js';
import { type LineageAnswer, lineageAnswer, lineageText } from '../build/transform/index.js';
import { error } from '../errors/index.js';
import type { Context } from './context.js';
import { type MemberColumns, memberColumns } from './member-columns.js';

/** Where a column, a table's columns, or a member of the model comes from and what it goes into. */
export interface Lineage extends LineageAnswer {
  /** Set when a member was asked for: `columns` then are those that it is worked out from. */
  readonly member?: MemberColumns;
}

/** Answers `assay lineage`. Errors: `lineage-unknown`, `environment-unknown`. */
export const lineage = async (app: App, question: string, environment: string): Promise<Lineage> => {
  const graph = await app.tables.lineage(environment);
  const model = app.model();
  const member = memberColumns(model, question);
  if (!member) {
    const owner = model.catalogue.owners.get(question.split('.')[0] ?? '');
    if (owner && !graph.has(question)) throw error('lineage-unknown', { name: question, known: owner.members });
    return lineageAnswer(question, graph);
  }
  return { question, member, columns: member.columns.flatMap((column) => lineageAnswer(column, graph).columns) };
};

/** Prints it: a tree for a terminal, or JSON. */
export const tellLineage = (c: Context, answer: Lineage): void => {
  if (c.json) {
    c.out(`${JSON.stringify(answer)}\n`);
    return;
  }
  const { member } = answer;
  if (member) c.out(`${member.member} (${member.kind}) is worked out from ${member.columns.join(', ') || 'rows'}\n\n`);
  c.out(lineageText(answer));
};
