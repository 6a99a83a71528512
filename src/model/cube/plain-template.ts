/** What of Babel's builders is needed here. Nodes are Babel's own and stay opaque. */
export interface Builders {
  identifier(name: string): object;
  memberExpression(of: object, property: object): object;
  callExpression(of: object, given: readonly object[]): object;
  templateElement(value: { readonly raw: string; readonly cooked: string }, tail: boolean): object;
  templateLiteral(elements: readonly object[], expressions: readonly object[]): object;
  expressionStatement(expression: object): object;
  program(body: readonly object[]): object;
  arrowFunctionExpression(parameters: readonly object[], body: object): object;
}

/** `f"text {CUBE}.column {customers.country} {other.sql()}"` that holds nothing which Python or JavaScript would read otherwise. */
const TEMPLATE = /^f"((?:[^{}\\"$`\r]|\{[\w.()]+\})+)"$/;
const REFERENCE = /^([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(\(\))?$/;
const PATH = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/;
/** Words that Python's grammar keeps for itself, and names that Cube writes anew. */
const NOT_NAMES = new Set(
  (
    'False None True and as assert async await break class continue def del elif else except exec finally for from global if import ' +
    'in is lambda nonlocal not or pass print raise return try while with yield userAttributes user_attributes groups'
  ).split(' '),
);

const path = (b: Builders, text: string): object | undefined => {
  const [head = '', ...rest] = text.split('.');
  if ([head, ...rest].some((name) => NOT_NAMES.has(name))) return undefined;
  return rest.reduce((of, name) => b.memberExpression(of, b.identifier(name)), b.identifier(head));
};

const reference = (b: Builders, text: string): object | undefined => {
  const [, name, call] = REFERENCE.exec(text) ?? [];
  const named = name === undefined ? undefined : path(b, name);
  return named && call ? b.callExpression(named, []) : named;
};

/**
 * The tree that Cube's Python parser makes of a text that is nearly all that models hold: words with plain references in braces, or a
 * name alone. Undefined for anything else. Nine tenths of the time of a compilation went into that parser.
 */
export const plainTemplate = (b: Builders, code: string): object | undefined => {
  const wrapped = (expression: object) => b.program([b.expressionStatement(expression)]);
  if (PATH.test(code)) {
    const named = path(b, code);
    return named && wrapped(named);
  }
  const text = TEMPLATE.exec(code)?.[1];
  if (text === undefined) return undefined;
  const pieces = text.split(/\{([^{}]*)\}/);
  const expressions: object[] = [];
  const elements: object[] = [];
  for (const [i, piece] of pieces.entries()) {
    if (i % 2 === 0) elements.push(b.templateElement({ raw: piece, cooked: piece }, i === pieces.length - 1));
    else {
      const found = reference(b, piece);
      if (!found) return undefined;
      expressions.push(found);
    }
  }
  return wrapped(b.templateLiteral(elements, expressions));
};

interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}
const CHILDREN: Readonly<Record<string, readonly string[]>> = {
  Program: ['body'],
  ExpressionStatement: ['expression'],
  TemplateLiteral: ['expressions'],
  ArrayExpression: ['elements'],
  MemberExpression: ['object'],
  CallExpression: ['callee', 'arguments'],
  Identifier: [],
  StringLiteral: [],
  NumericLiteral: [],
  BooleanLiteral: [],
  NullLiteral: [],
};

/** The names that a tree begins its paths with, each once, in their order; undefined when the tree holds anything but paths and texts. */
export const headsOf = (tree: unknown): readonly string[] | undefined => {
  const heads = new Set<string>();
  const visit = (given: unknown): boolean => {
    if (Array.isArray(given)) return given.every(visit);
    const node = given as Node;
    const inside = CHILDREN[node.type];
    if (!inside) return false;
    if (node.type === 'Identifier') {
      if (NOT_NAMES.has(String(node['name']))) return false;
      heads.add(String(node['name']));
    }
    if (node.type === 'MemberExpression') {
      const property = node['property'] as Node;
      if (node['computed'] === true || NOT_NAMES.has(String(property['name']))) return false;
    }
    return inside.every((key) => visit(node[key]));
  };
  return visit(tree) ? [...heads] : undefined;
};
