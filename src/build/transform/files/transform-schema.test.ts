import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { transformSchema } from './transform-schema.js';

describe('the schema of the front matter', () => {
  it('is the one that is committed', () => {
    const committed = readFileSync(resolve(import.meta.dirname, '../../../../schema/transform.schema.json'), 'utf8');
    expect(committed).toBe(`${JSON.stringify(transformSchema(), null, 2)}\n`);
  });
  it('says something of every field that is read', () => {
    const silent: string[] = [];
    const visit = (value: unknown, path: string): void => {
      if (value === null || typeof value !== 'object') return;
      if (Object.keys(value).length === 0) silent.push(path);
      for (const [key, child] of Object.entries(value)) visit(child, `${path}.${key}`);
    };
    visit(transformSchema(), '');
    expect(silent).toEqual([]);
  });
});
