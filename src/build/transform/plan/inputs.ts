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
export const inputsOf = ({ transform, inputs, reads }: GraphNode): Input[] => {
  const found = new Map<string, Input>();
  const partitioned = transform.kind === 'incremental_by_partition';
  for (const of of inputs)
    if (of.kind === 'source')
      found.set(of.name, { role: 'source', name: of.name, expression: transform.partition?.sources.get(of.name) });
  for (const name of reads) {
    const column = transform.partition?.inputs.get(name);
    const lookup = transform.lookups.find(({ dimension }) => dimension === name);
    if (partitioned && column !== undefined) found.set(name, { role: 'partition', name, column });
    else if (partitioned && lookup) found.set(name, { role: 'lookup', name, lookup });
    else found.set(name, { role: 'whole', name });
  }
  const pseudonyms = transform.pseudonyms?.of;
  if (pseudonyms !== undefined && !found.has(pseudonyms)) found.set(pseudonyms, { role: 'whole', name: pseudonyms });
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
};
