import { GraphQLError, GraphQLScalarType, Kind, type ValueNode } from 'graphql/index.js';

/** Exact values travel as texts: a client's JSON numbers hold 15 digits. */
const exact = (name: string, description: string, read: (given: string | number) => string | undefined) => {
  const parse = (given: unknown): string => {
    const value = typeof given === 'string' || typeof given === 'number' ? read(given) : undefined;
    if (value === undefined) throw new GraphQLError(`${name} cannot hold ${JSON.stringify(given)}`);
    return value;
  };
  return new GraphQLScalarType({
    name,
    description,
    serialize: (value) => value,
    parseValue: parse,
    // A literal's digits are taken as written, never through a number.
    parseLiteral: (node: ValueNode) =>
      node.kind === Kind.STRING || node.kind === Kind.INT || node.kind === Kind.FLOAT
        ? parse(node.value)
        : parse(undefined),
  });
};
const matching = (pattern: RegExp) => (given: string | number) => {
  const text =
    typeof given === 'number' && Number.isInteger(given) && !Number.isSafeInteger(given) ? '' : String(given);
  return pattern.test(text) ? text : undefined;
};
const textMatching = (pattern: RegExp) => (given: string | number) =>
  typeof given === 'string' && pattern.test(given) ? given : undefined;

export const BigIntScalar = exact(
  'BigInt',
  'A whole number of up to 64 bits, as text: "994".',
  matching(/^-?\d{1,19}$/),
);
export const DecimalScalar = exact(
  'Decimal',
  'An exact decimal as text in plain notation with its full scale: "475412.72".',
  matching(/^-?(\d{1,38}(\.\d{0,38})?|\.\d{1,38})$/),
);
export const DateScalar = exact('Date', 'A calendar date: "2010-12-01".', textMatching(/^\d{4,6}-\d{2}-\d{2}$/));
export const DateTimeScalar = exact(
  'DateTime',
  'An instant, RFC 3339 with the offset of the query’s zone: "2010-12-01T08:26:00Z". In conditions also a date, or a local time of that zone.',
  textMatching(/^\d{4,6}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?)?$/i),
);
