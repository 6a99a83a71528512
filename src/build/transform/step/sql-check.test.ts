import { describe, expect, it } from 'vitest';
import { neighbourhoods } from './sql-check.js';

describe('changed partitions by neighbourhood', () => {
  it('join where little lies between them, in the order of time', () => {
    expect(neighbourhoods(['2010-12-06', '2010-12-01', '2010-12-03'], 'day')).toEqual([
      ['2010-12-01', '2010-12-03', '2010-12-06'],
    ]);
    expect(neighbourhoods(['2010-12-01', '2010-12-11', '2010-12-22'], 'day')).toEqual([
      ['2010-12-01', '2010-12-11'],
      ['2010-12-22'],
    ]);
    expect(neighbourhoods(['2010-01', '2011-06', '2011-05'], 'month')).toEqual([['2010-01'], ['2011-05', '2011-06']]);
    expect(neighbourhoods([], 'day')).toEqual([]);
  });
});
