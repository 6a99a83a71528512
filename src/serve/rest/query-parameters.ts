import { error } from '../../errors/index.js';

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * A query with the values of its `parameters` where `{"parameter": name}` stands in a list of values or a range; one whose value is a
 * list stands for all of it. What comes out is checked like any other query. Errors: `query-invalid` for a name that is not given, or not used.
 */
export const withParameters = (body: Readonly<Record<string, unknown>>): object => {
  const { parameters } = body;
  if (!isObject(parameters)) return body;
  const used = new Set<string>();
  const items = (list: readonly unknown[], place: string): readonly unknown[] =>
    list.flatMap((item, i) => {
      if (!isObject(item) || typeof item['parameter'] !== 'string' || Object.keys(item).length > 1)
        return [replaced(item, `${place}[${i}]`)];
      const name = item['parameter'];
      if (!Object.hasOwn(parameters, name))
        throw error('query-invalid', {
          where: `${place}[${i}].parameter`,
          what: `${name} is not among the parameters; given are ${Object.keys(parameters).join(', ') || 'none'}`,
        });
      used.add(name);
      return parameters[name];
    });
  const replaced = (value: unknown, place: string): unknown => {
    if (Array.isArray(value)) return items(value, place);
    if (!isObject(value)) return value;
    const at = (key: string) => (place === '' ? key : `${place}.${key}`);
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [
        key,
        place === '' && key === 'parameters' ? inner : replaced(inner, at(key)),
      ]),
    );
  };
  const query = replaced(body, '') as object;
  const idle = Object.keys(parameters).find((name) => !used.has(name));
  if (idle !== undefined)
    throw error('query-invalid', { where: `parameters.${idle}`, what: 'is used nowhere in the query' });
  return query;
};
