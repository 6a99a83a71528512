import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { featureSchema, modelSchema } from './index.js';

it.each([
  ['model', modelSchema],
  ['features', featureSchema],
] as const)('the committed schema of %s files is the one that files are checked by', (name, schemaOf) => {
  const committed = readFileSync(resolve(import.meta.dirname, `../../../schema/${name}.schema.json`), 'utf8');
  expect(committed).toBe(`${JSON.stringify(schemaOf(), null, 2)}\n`);
});
