import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { modelSchema } from './index.js';

it('the committed schema of model files is the one that files are checked by', () => {
  const committed = readFileSync(resolve(import.meta.dirname, '../../../schema/model.schema.json'), 'utf8');
  expect(committed).toBe(`${JSON.stringify(modelSchema(), null, 2)}\n`);
});
