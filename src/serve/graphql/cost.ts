import {
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  type SelectionSetNode,
} from 'graphql/index.js';

/** What a document may ask for. Every view field is a query of its own; the rest is text. */
export const COST = { tokens: 20_000, depth: 10, fields: 2_000, views: 10, aliases: 200 } as const;

const tooMuch = (what: string) =>
  new GraphQLError(`the document ${what}`, { extensions: { code: 'query-invalid', http: { status: 400 } } });

/**
 * Counts a document before it is validated or run, fragments expanded; stops at the first limit, so that a document that is a bomb
 * costs no more than one at the limit. Introspection has its own limit in graphql-js.
 */
export const overCost = (document: DocumentNode): readonly GraphQLError[] => {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const node of document.definitions)
    if (node.kind === Kind.FRAGMENT_DEFINITION) fragments.set(node.name.value, node);
  let fields = 0;
  let aliases = 0;
  let spreads = 0;
  const visit = (set: SelectionSetNode, depth: number, open: ReadonlySet<string>): string | undefined => {
    if (depth > COST.depth) return `is deeper than ${COST.depth} levels`;
    for (const node of set.selections) {
      if (node.kind === Kind.FIELD) {
        if (node.name.value.startsWith('__')) continue;
        if (++fields > COST.fields) return `selects more than ${COST.fields} fields`;
        if (node.alias && ++aliases > COST.aliases) return `has more than ${COST.aliases} aliases`;
        if (depth === 1 && ++views > COST.views) return `asks for more than ${COST.views} views`;
      }
      if (node.kind === Kind.FRAGMENT_SPREAD) {
        const name = node.name.value;
        const fragment = fragments.get(name);
        if (++spreads > COST.fields) return `spreads more than ${COST.fields} fragments`;
        if (!fragment || open.has(name)) continue; // validation speaks of absent and of circular ones
        const found = visit(fragment.selectionSet, depth, new Set([...open, name]));
        if (found) return found;
      } else if (node.selectionSet) {
        const found = visit(node.selectionSet, node.kind === Kind.FIELD ? depth + 1 : depth, open);
        if (found) return found;
      }
    }
    return undefined;
  };
  let views = 0;
  for (const node of document.definitions) {
    if (node.kind !== Kind.OPERATION_DEFINITION) continue;
    views = 0;
    const found = visit(node.selectionSet, 1, new Set());
    if (found) return [tooMuch(found)];
  }
  return [];
};
