import { FEATURE_FILES } from './features/feature-keys.js';
import { KEYS, type KeyGroup, type Wanted } from './model-keys.js';

const formOf = (wanted: Wanted): object => {
  if (wanted === 'text') return { type: ['string', 'number', 'boolean'] };
  if (wanted === 'flag') return { type: 'boolean' };
  if (wanted === 'number') return { type: 'number' };
  if (wanted === 'any') return {};
  if ('oneOf' in wanted) return { enum: wanted.oneOf };
  if ('each' in wanted) return { type: 'array', items: formOf(wanted.each) };
  if ('object' in wanted) return { $ref: `#/$defs/${wanted.object}` };
  return { anyOf: wanted.either.map(formOf) };
};

const schemaOf = (title: string, root: string, groups: Readonly<Record<string, KeyGroup>>): object => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title,
  $ref: `#/$defs/${root}`,
  $defs: Object.fromEntries(
    Object.entries(groups).map(([name, { keys, required, open }]) => [
      name,
      {
        type: 'object',
        properties: Object.fromEntries(Object.entries(keys).map(([key, wanted]) => [key, formOf(wanted)])),
        ...(required && { required }),
        additionalProperties: open === true,
      },
    ]),
  ),
});

/** The JSON Schema of a model's file, for editors; `schema/model.schema.json` is its text. */
export const modelSchema = (): object =>
  schemaOf('A file of the semantic model (model/cubes, model/views)', 'file', KEYS);

/** The JSON Schema of a file of features; `schema/features.schema.json` is its text. */
export const featureSchema = (): object => schemaOf('A file of features (model/features)', 'file', FEATURE_FILES.keys);
