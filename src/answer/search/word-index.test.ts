import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Document } from './documents.js';
import { best } from './scores.js';
import { editDistance, questionWords, words } from './tokens.js';
import { wordIndex } from './word-index.js';

const documents = [
  {
    id: 'retail.net_revenue',
    fields: {
      title: 'Net revenue',
      name: 'net revenue',
      synonyms: 'sales turnover',
      description: 'Sum of the amounts of all lines, returns included',
    },
  },
  {
    id: 'retail.returns_value',
    fields: {
      title: 'Returns value',
      name: 'returns value',
      synonyms: 'refunds',
      description: 'Worth of all returned lines',
    },
  },
  {
    id: 'retail.country',
    fields: { title: 'Country', name: 'country', synonyms: 'nation market', description: 'Country of the invoice' },
  },
  {
    id: 'retail.customers',
    fields: {
      title: 'Customers',
      name: 'customers',
      synonyms: 'buyers clients',
      description: 'Distinct known customers',
    },
  },
];
const finder = async (of: readonly Document[]) => {
  const index = await wordIndex(of);
  return (q: string) => {
    const { scores, why } = index.find(q);
    return best(scores.touched, (doc) => scores.of(doc), 10).map((doc) => ({ id: of[doc]?.id ?? '', why: why(doc) }));
  };
};
let find: Awaited<ReturnType<typeof finder>>;
beforeAll(async () => {
  find = await finder(documents);
});
const first = (q: string) => find(q)[0]?.id;

describe('search by words', () => {
  it('finds a member by its title, a synonym, a plural, a prefix and through typos', () => {
    expect(first('net revenue')).toBe('retail.net_revenue');
    expect(first('turnover')).toBe('retail.net_revenue');
    expect(first('countries')).toBe('retail.country');
    expect(first('custom')).toBe('retail.customers');
    expect(first('revenu')).toBe('retail.net_revenue');
    expect(first('cuontry')).toBe('retail.country');
    expect(first('custmoers')).toBe('retail.customers');
  });
  it('prefers the document that holds more of the question', () => {
    expect(first('value of returns')).toBe('retail.returns_value');
  });
  it('says which word matched where', () => {
    expect(find('refund')[0]?.why).toEqual(['refund in synonyms']);
  });
  it('finds nothing for words that stand nowhere', () => {
    expect(find('zebra quark')).toEqual([]);
    expect(find('***')).toEqual([]);
  });
  it('ranks the same whatever the order of the documents', async () => {
    const other = await finder([...documents].reverse());
    const ids = (found: readonly { id: string }[]) => found.map((f) => f.id).sort();
    for (const q of ['revenue', 'returned lines', 'market', 'know customer']) {
      expect(other(q)[0]).toEqual(find(q)[0]);
      expect(ids(other(q))).toEqual(ids(find(q)));
    }
  });
});

describe('words', () => {
  it('cuts names, folds case and accents, and leaves the filler out of questions', () => {
    expect(words('netRevenue_perCountry Übersicht')).toEqual(['net', 'revenue', 'per', 'country', 'ubersicht']);
    expect(questionWords('how much did we sell per country')).toEqual(['sell', 'country']);
    expect(questionWords('the')).toEqual(['the']);
  });
  it('measures edits as a metric does', () => {
    const slow = (a: string, b: string): number => {
      const d = Array.from({ length: a.length + 1 }, (_, i) =>
        Array.from({ length: b.length + 1 }, (_, j) => (i === 0 ? j : j === 0 ? i : 0)),
      );
      const at = (i: number, j: number) => d[i]?.[j] ?? 0;
      for (let i = 1; i <= a.length; i++)
        for (let j = 1; j <= b.length; j++) {
          let c = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1));
          if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) c = Math.min(c, at(i - 2, j - 2) + 1);
          const row = d[i];
          if (row) row[j] = c;
        }
      return at(a.length, b.length);
    };
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 7 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        const real = slow(a, b);
        expect(editDistance(a, b, 2)).toBe(real <= 2 ? real : undefined);
      }),
    );
  });
});
