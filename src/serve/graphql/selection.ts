import {
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLIncludeDirective,
  type GraphQLResolveInfo,
  GraphQLSkipDirective,
  getDirectiveValues,
  Kind,
  type SelectionNode,
} from 'graphql/index.js';

type Info = Pick<GraphQLResolveInfo, 'fragments' | 'variableValues'>;

/** Whether `@skip` and `@include` let a selection stand. */
const stands = (node: SelectionNode, { variableValues }: Info): boolean =>
  getDirectiveValues(GraphQLSkipDirective, node, variableValues)?.['if'] !== true &&
  getDirectiveValues(GraphQLIncludeDirective, node, variableValues)?.['if'] !== false;

/**
 * Fields that are selected below some fields, by their name in the schema: aliases, fragments and repeated fields come together. All
 * our types are object types, so a fragment that validation let pass always applies.
 */
export const fieldsBelow = (nodes: readonly FieldNode[], info: Info): ReadonlyMap<string, readonly FieldNode[]> => {
  const found = new Map<string, FieldNode[]>();
  const visit = (selections: readonly SelectionNode[]): void => {
    for (const node of selections) {
      if (!stands(node, info)) continue;
      if (node.kind === Kind.INLINE_FRAGMENT) visit(node.selectionSet.selections);
      else if (node.kind === Kind.FRAGMENT_SPREAD) {
        const fragment: FragmentDefinitionNode | undefined = info.fragments[node.name.value];
        if (fragment) visit(fragment.selectionSet.selections);
      } else if (node.name.value !== '__typename') {
        const same = found.get(node.name.value);
        if (same) same.push(node);
        else found.set(node.name.value, [node]);
      }
    }
  };
  for (const node of nodes) visit(node.selectionSet?.selections ?? []);
  return found;
};
