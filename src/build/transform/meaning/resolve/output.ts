import { digest, fold, listAt, type Node, textAt } from '../tree.js';
import type { Column, Resolved } from './scope.js';

/** One item of a SELECT, or what `*` became. */
export interface Output extends Resolved {
  readonly name: string;
}

export const columnFrom = ({ name, form, edges }: Output): Column => ({ name, hash: digest(form), edges });

export const isStar = (node: Node): boolean => textAt(node, 'class') === 'STAR';

/** The name of an item of a SELECT; '' when it has none that a reference could use. */
export const nameOf = (node: Node): string => {
  const alias = textAt(node, 'alias');
  if (alias !== '') return fold(alias);
  return textAt(node, 'class') === 'COLUMN_REF' ? fold(String(listAt(node, 'column_names').at(-1) ?? '')) : '';
};
