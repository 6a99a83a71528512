import type { Lookup } from '../files/definition.js';
import type { GraphNode } from '../files/graph.js';

/** How a table reads an input: that decides which of its partitions a change of the input touches. */
export type Input =
  /** Same time, same partition: `column` is the input's column that says it. */
  | { readonly role: 'partition'; readonly name: string; readonly column: string }
  /** A dimension, looked up as of event time: touches the partitions whose look-ups give something else. */
  | { readonly role: 'lookup'; readonly name: string; readonly lookup: Lookup }
  /** Any change touches every partition. */
  | { readonly role: 'whole'; readonly name: string }
  /** A table of bronze; with an expression, a file touches the partitions that it holds rows of. */
  | { readonly role: 'source'; readonly name: string; readonly expression: string | undefined };

/** What a table's rows are made from, each input once, in a fixed order. What only its checks read is not among them. */
export const inputsOf = ({ transform, inputs }: GraphNode): Input[] => {
  const found = new Map<string, Input>();
  for (const of of inputs) {
    if (of.kind === 'source') {
      const expression = transform.partition?.sources.get(of.name);
      found.set(of.name, { role: 'source', name: of.name, expression });
    } else if (of.kind === 'ref') {
      const column = transform.partition?.inputs.get(of.name);
      const lookup = transform.lookups.find(({ dimension }) => dimension === of.name);
      found.set(
        of.name,
        transform.kind === 'incremental_by_partition' && column !== undefined
          ? { role: 'partition', name: of.name, column }
          : transform.kind === 'incremental_by_partition' && lookup
            ? { role: 'lookup', name: of.name, lookup }
            : { role: 'whole', name: of.name },
      );
    }
  }
  const pseudonyms = transform.pseudonyms?.of;
  if (pseudonyms !== undefined && !found.has(pseudonyms)) found.set(pseudonyms, { role: 'whole', name: pseudonyms });
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
};
