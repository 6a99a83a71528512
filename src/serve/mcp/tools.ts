import { type TSchema, Type } from '@sinclair/typebox';

/** One tool as a client lists it. */
export interface ToolDescription {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: TSchema & { readonly type: 'object' };
  readonly annotations: { readonly readOnlyHint: true; readonly openWorldHint: false };
}

const READS = { readOnlyHint: true, openWorldHint: false } as const;
const tool = (name: string, title: string, description: string, inputSchema: TSchema): ToolDescription => ({
  name,
  title,
  description,
  inputSchema: inputSchema as ToolDescription['inputSchema'],
  annotations: READS,
});
const closed = { additionalProperties: false } as const;

/** Rows that `query` and `values` give at most: an answer must fit into a conversation. */
export const MOST_ROWS = 1_000;

/**
 * A schema as clients of the protocol read it (JSON Schema 2020-12): parts that have a name stand once, in `$defs`; tuples are
 * `prefixItems`; words of ours are left out.
 */
export const toolSchema = (schema: TSchema): TSchema => {
  const parts: Record<string, unknown> = {};
  const plain = (value: unknown, top: boolean): unknown => {
    if (Array.isArray(value)) return value.map((v) => plain(v, false));
    if (typeof value !== 'object' || value === null) return value;
    const { $id, $ref, wanted: _words, additionalItems: _closed, ...rest } = value as Record<string, unknown>;
    if (typeof $ref === 'string') return { $ref: `#/$defs/${$ref}` };
    const inner: Record<string, unknown> = {};
    for (const [key, v] of Object.entries(rest)) {
      if (key === 'items' && Array.isArray(v)) Object.assign(inner, { prefixItems: plain(v, false), items: false });
      else inner[key] = plain(v, false);
    }
    if (top || typeof $id !== 'string') return inner;
    parts[$id] = inner;
    return { $ref: `#/$defs/${$id}` };
  };
  const made = plain(JSON.parse(JSON.stringify(schema)), true) as Record<string, unknown>;
  return { ...made, $defs: parts } as unknown as TSchema;
};

/** The tools. `query` is the JSON schema of a metric query, which the REST wire has, too. */
export const toolDescriptions = (query: TSchema): readonly ToolDescription[] => [
  tool(
    'find_members',
    'Find members',
    'Finds measures, dimensions and values for a question or some words. Gives names to use in queries, and, where the question can be read whole, metric queries that it may mean.',
    Type.Object(
      {
        q: Type.String({ minLength: 1, maxLength: 1000, description: 'words or a question' }),
        kind: Type.Optional(Type.Union([Type.Literal('member'), Type.Literal('value')])),
        limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 10 })),
      },
      closed,
    ),
  ),
  tool(
    'describe',
    'Describe a view or member',
    'Describes a view with its members, or one member: type, unit, meaning, synonyms, granularities. Without a name it lists the views.',
    Type.Object(
      { name: Type.Optional(Type.String({ maxLength: 200, description: 'retail or retail.net_revenue' })) },
      closed,
    ),
  ),
  tool(
    'query',
    'Ask for numbers',
    `Runs a metric query under the policies of the caller and gives its rows, at most ${MOST_ROWS}: more is an error, so set a limit. Decimals and large integers are texts, exact to the last digit.`,
    query,
  ),
  tool('explain', 'Explain a query', 'Tells which rollup or table would serve a metric query, and why.', query),
  tool(
    'values',
    'Values of a dimension',
    'Lists values of a dimension that the caller may see, those that contain a text if one is given.',
    Type.Object(
      {
        dimension: Type.String({ maxLength: 200 }),
        contains: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'case does not matter' })),
        limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MOST_ROWS, default: 100 })),
      },
      closed,
    ),
  ),
];
