import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

interface Schema {
  readonly [key: string]: unknown;
}
interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly schema: Schema;
}
interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: Schema }> };
  readonly responses: Record<string, { readonly content?: Record<string, { readonly schema: Schema }> }>;
}
type Check = ((value: unknown) => boolean) & {
  readonly errors?: readonly { instancePath: string; message?: string }[];
};

// the validator that the HTTP framework brings
const fromFastify = createRequire(createRequire(import.meta.url).resolve('fastify'));
const Ajv = createRequire(fromFastify.resolve('@fastify/ajv-compiler'))('ajv') as new (
  options: object,
) => { addSchema(schema: object): void; compile(schema: object): Check };

const description = JSON.parse(
  readFileSync(join(import.meta.dirname, '../fixtures/typesense/openapi.json'), 'utf8'),
) as { paths: Record<string, Record<string, Operation>>; components: { schemas: Record<string, Schema> } };

// Members of a hit's document are said to be objects, and the example beside it has texts and numbers: the example is right.
const hit = description.components.schemas['SearchResultHit'] as {
  properties: { document: { additionalProperties: unknown } };
};
hit.properties.document.additionalProperties = true;

const ajv = new Ajv({ strict: false, validateFormats: false, coerceTypes: false, allErrors: true });
const loose = new Ajv({ strict: false, validateFormats: false, coerceTypes: true, allErrors: true });
/** The description's own references, moved into the schema that is compiled. */
const compiled = (schema: Schema, by = ajv): Check =>
  by.compile({ ...schema, components: description.components } as object);
const checks = new Map<string, Check>();
const checkOf = (key: string, schema: Schema, by = ajv): Check => {
  const known = checks.get(key) ?? compiled(schema, by);
  checks.set(key, known);
  return known;
};

const operationOf = (method: string, path: string): readonly [string, Operation] | undefined => {
  for (const [pattern, operations] of Object.entries(description.paths)) {
    const names = new RegExp(`^${pattern.replace(/\{\w+\}/g, '[^/]+')}$`);
    const operation = operations[method.toLowerCase()];
    if (operation && names.test(path)) return [`${method} ${pattern}`, operation];
  }
  return undefined;
};

/** What of an exchange is not as Typesense's description of its API says; empty when all is. */
export const violations = (exchange: {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Parsed where it is JSON, else text. */
  readonly body: unknown;
  readonly status: number;
  readonly answer: unknown;
}): readonly string[] => {
  const { method, path, query, body, status, answer } = exchange;
  const found = operationOf(method, path);
  if (!found) return [`${method} ${path} is not described`];
  const [name, operation] = found;
  const wrong: string[] = [];
  const look = (what: string, key: string, schema: Schema, value: unknown, by = ajv) => {
    const check = checkOf(`${name} ${key}`, schema, by);
    if (!check(value)) for (const e of check.errors ?? []) wrong.push(`${name} ${what}${e.instancePath} ${e.message}`);
  };
  const inQuery = (operation.parameters ?? []).filter((p) => p.in === 'query');
  const known = new Set<string>();
  for (const { name: parameter, schema } of inQuery) {
    const properties = (schema['properties'] ?? undefined) as Record<string, Schema> | undefined;
    for (const one of properties ? Object.keys(properties) : [parameter]) known.add(one);
    // an object in the address is its members, as texts
    if (properties) look('query', `query ${parameter}`, schema, { ...query }, loose);
  }
  for (const given of Object.keys(query)) if (!known.has(given)) wrong.push(`${name} knows no parameter ${given}`);
  const [wanted] = Object.values(operation.requestBody?.content ?? {});
  if (wanted) look('body', 'body', wanted.schema, body);
  else if (body !== undefined && body !== '') wrong.push(`${name} takes no body`);
  const response = operation.responses[String(status)];
  if (!response) wrong.push(`${name} does not answer with ${status}`);
  const [given] = Object.values(response?.content ?? {});
  if (given) look(`answer ${status}`, `answer ${status}`, given.schema, answer);
  // a search in a multi_search may have only what is described
  if (name === 'POST /multi_search') {
    const { MultiSearchParameters: common, MultiSearchCollectionParameters: more } = description.components.schemas;
    const [, own] = (more as { allOf: { properties: object }[] }).allOf;
    const words = new Set([
      ...Object.keys((common as { properties: object }).properties),
      ...Object.keys(own?.properties ?? {}),
    ]);
    for (const search of (body as { searches: object[] }).searches)
      for (const word of Object.keys(search)) if (!words.has(word)) wrong.push(`${name} knows no ${word} in a search`);
  }
  return wrong;
};
