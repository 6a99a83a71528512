import { describe, expect, it } from 'vitest';
import { sparkText } from './spark-input.js';
import { onlyInDuckDb, sparkRows } from './spark-select.js';

describe('rows in a statement of Spark', () => {
  it('keep every text as it is', () => {
    expect(sparkText("it's")).toBe("'it\\'s'");
    expect(sparkText('back\\slash\nline')).toBe("'back\\\\slash\\nline'");
  });
  it('have the types of the contract, null and nothing among them', () => {
    const columns = [
      { name: 'id', type: { kind: 'bigint' } },
      { name: 'odd`name', type: { kind: 'decimal', precision: 5, scale: 2 } },
    ] as const;
    expect(sparkRows(columns, [['1', null]])).toBe(
      "(SELECT CAST(CAST(c0 AS string) AS bigint) AS `id`, CAST(CAST(c1 AS string) AS decimal(5,2)) AS `odd``name` FROM VALUES ('1', NULL) AS given(c0, c1))",
    );
    expect(sparkRows(columns, [])).toBe(
      '(SELECT CAST(NULL AS bigint) AS `id`, CAST(NULL AS decimal(5,2)) AS `odd``name` WHERE false)',
    );
  });
});

describe('what Spark is not given', () => {
  it('is what only sessions of DuckDB hold', () => {
    expect(onlyInDuckDb([{ kind: 'pseudonyms' }])).toBe('{{secret.pseudonyms}} is made in DuckDB only');
    expect(onlyInDuckDb([{ kind: 'source', name: 'bronze.x' }, { kind: 'checks' }])).toContain('{{checks}}');
    expect(onlyInDuckDb([{ kind: 'ref', name: 'gold.x' }])).toBeUndefined();
  });
});
