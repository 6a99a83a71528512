import { describe, expect, inject, it } from 'vitest';
import { BAD_DOCUMENTS, BAD_FLAGS, BAD_QUERIES } from '../golden/bad-queries/cases.js';
import { assay } from '../product.js';
import { graphql } from './ask.js';

const product = inject('product') as Parameters<typeof graphql>[0];

describe('bad queries over the wires', () => {
  it('are refused by REST with a status of the caller and a code', async () => {
    const wrong: string[] = [];
    for (const { what, body } of BAD_QUERIES) {
      const response = await fetch(`${product.http}/api/v2/query`, {
        method: 'POST',
        headers: { authorization: `Bearer ${product.tokens.admin}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      const { code } = (await response.json()) as { code?: string };
      if (response.status < 400 || response.status >= 500 || code === undefined)
        wrong.push(`${what}: ${response.status} ${code}`);
    }
    expect(wrong).toEqual([]);
  });
  it('are refused by GraphQL with errors that are no bugs', async () => {
    const wrong: string[] = [];
    for (const document of BAD_DOCUMENTS) {
      const { errors } = await graphql(product, 'admin', document);
      if (errors.length === 0 || errors.some((e) => e.extensions?.code === 'internal'))
        wrong.push(`${document.slice(0, 60)}: ${JSON.stringify(errors).slice(0, 200)}`);
    }
    expect(wrong).toEqual([]);
  });
  it('are refused by the command line with exit code 1 or 2', async () => {
    const some = BAD_FLAGS.filter((_, i) => i % 5 === 1);
    const ends = await Promise.all(some.map((flags) => assay(product.home, ['query', ...flags])));
    expect(ends.map(({ code }) => code === 1 || code === 2)).toEqual(some.map(() => true));
  });
});
