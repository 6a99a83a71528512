import type { TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { Answer, Ask, AskOptions } from '../../answer/run/index.js';
import { propose, type Search } from '../../answer/search/index.js';
import { error } from '../../errors/index.js';
import type { Catalogue, Member } from '../../model/catalog/index.js';
import type { Access } from '../../model/policy/index.js';
import { type Caller, type Limits, type MetricQuery, typeText, valueText } from '../../query/index.js';
import { MOST_ROWS, type ToolDescription } from './tools.js';

export interface ToolParts {
  readonly ask: Ask;
  readonly search: Search;
  readonly catalogue: () => Catalogue;
  readonly access: (caller: Caller) => Access;
  /** A body to a metric query, as the REST wire reads it. Errors: `query-invalid`, `request-invalid`. */
  readonly decode: (body: unknown) => { readonly query: MetricQuery; readonly limits: Partial<Limits> };
}

/** Who calls, on which request. */
export interface Calling {
  readonly caller: Caller;
  readonly requestId: string;
  readonly signal: AbortSignal;
}

/** Runs one tool; what it gives is plain JSON. Errors: those of the catalogue. */
export const callTool = async (
  { name, inputSchema }: ToolDescription,
  input: unknown,
  parts: ToolParts,
  calling: Calling,
): Promise<object> => {
  const { caller, requestId, signal } = calling;
  const options: AskOptions = { surface: 'mcp', requestId, signal, limits: { rows: MOST_ROWS } };
  switch (name) {
    case 'query': {
      const { query, limits } = parts.decode(input);
      const rows = Math.min(limits.rows ?? MOST_ROWS, MOST_ROWS);
      return rowsOf(await parts.ask.query(query, caller, { ...options, limits: { ...limits, rows } }));
    }
    case 'explain':
      return explained(await parts.ask.explain(parts.decode(input).query, caller, options));
    case 'describe':
      return describe(checked<{ name?: string }>(inputSchema, input).name, parts, caller);
    case 'values': {
      const given = checked<{ dimension: string; contains?: string; limit?: number }>(inputSchema, input);
      return rowsOf(await parts.ask.query(valuesQuery(given), caller, options));
    }
    default: {
      const given = checked<{ q: string; kind?: 'member' | 'value'; limit?: number }>(inputSchema, input);
      const model = { catalogue: parts.catalogue(), sees: parts.access(caller) };
      const context = { caller, surface: 'mcp' as const, requestId, signal };
      const found = await parts.search.find(given, model, context);
      if (given.kind === 'value') return found;
      const plan = (query: MetricQuery) => parts.ask.explain(query, caller, options);
      const { proposals, refusal } = await propose({ q: given.q }, parts.search, plan, model, context);
      return { ...found, proposals, ...(refusal === undefined ? {} : { refusal }) };
    }
  }
};

const checked = <T>(schema: TSchema, input: unknown): T => {
  const [first] = [...Value.Errors(schema, input ?? {})];
  if (first)
    throw error('request-invalid', { where: first.path.slice(1) || 'arguments', what: first.message.toLowerCase() });
  return (input ?? {}) as T;
};

const valuesQuery = ({
  dimension,
  contains,
  limit = 100,
}: {
  dimension: string;
  contains?: string;
  limit?: number;
}) => ({
  dimensions: [dimension],
  ...(contains === undefined ? {} : { where: { member: dimension, op: 'icontains' as const, values: [contains] } }),
  limit,
});

/** Rows as texts and small numbers, exact: at most `MOST_ROWS`, or the budget's error. */
const rowsOf = async (answer: Answer): Promise<object> => {
  const rows: (string | number | boolean | null)[][] = [];
  for await (const batch of answer.rows)
    for (let r = 0; r < batch.length; r++)
      rows.push(
        answer.columns.map(({ type }, i) => {
          const value = batch.columns[i]?.[r] ?? null;
          return value === null || typeof value === 'number' || typeof value === 'boolean'
            ? value
            : valueText(type, value, answer.timezone);
        }),
      );
  return {
    columns: answer.columns.map(({ name, type, role, unit }) => ({
      name,
      type: typeText(type),
      role,
      ...(unit ? { unit } : {}),
    })),
    rows,
    provenance: answer.provenance(),
  };
};

const explained = ({ columns, ...rest }: Awaited<ReturnType<Ask['explain']>>): object => ({
  ...rest,
  columns: columns.map(({ name, type, role }) => ({ name, type: typeText(type), role })),
});

const memberOf = (m: Member, access: Access): object => ({
  name: m.name,
  kind: m.kind,
  title: m.title,
  description: m.description,
  type: typeText(m.type),
  ...(m.unit === undefined ? {} : { unit: m.unit }),
  synonyms: m.synonyms,
  ...(m.granularities.length === 0 ? {} : { granularities: m.granularities }),
  masked: access.masked(m.name),
});

/** What exists for the caller; a hidden name is an unknown one. */
const describe = (name: string | undefined, parts: ToolParts, caller: Caller): object => {
  const catalogue = parts.catalogue();
  const access = parts.access(caller);
  const owners = access.owners();
  if (name === undefined)
    return {
      views: owners.flatMap((o) => {
        const owner = catalogue.owners.get(o);
        return owner ? [{ name: o, title: owner.title, description: owner.description }] : [];
      }),
    };
  const owner = owners.includes(name) ? catalogue.owners.get(name) : undefined;
  if (owner)
    return {
      name,
      title: owner.title,
      description: owner.description,
      members: access.members(name).flatMap((m) => {
        const member = catalogue.members.get(m);
        return member ? [memberOf(member, access)] : [];
      }),
    };
  const known = owners.some((o) => access.members(o).includes(name)) ? catalogue.members.get(name) : undefined;
  if (known) return memberOf(known, access);
  const suggestion = access.suggest(name);
  throw error('unknown-member', { name, ...(suggestion === undefined ? {} : { suggestion }) });
};
