import { describe, expect, it } from 'vitest';
import { asCsv, asTable, size } from './print.js';

const answer = {
  columns: [
    { name: 'retail.country', type: 'string' },
    { name: 'retail.net_revenue', type: 'decimal(18,2)' },
  ],
  rows: [
    ['Germany', '7795.74'],
    [null, '-0.05'],
    ['a "b", c', null],
    ['', '1.00'],
  ],
  provenance: {},
};

describe('printed answers', () => {
  it('align text left and numbers right', () => {
    expect(asTable(answer)).toBe(
      [
        'country   net_revenue',
        '--------  -----------',
        'Germany       7795.74',
        '                -0.05',
        'a "b", c',
        '                 1.00',
        '',
      ].join('\n'),
    );
  });
  it('as CSV tell null from empty text and quote what needs it', () => {
    expect(asCsv(answer)).toBe(
      'retail.country,retail.net_revenue\r\nGermany,7795.74\r\n,-0.05\r\n"a ""b"", c",\r\n"",1.00\r\n',
    );
  });
  it('name sizes for people', () => {
    expect([size(0), size(999), size(1500), size(2_500_000_000)]).toEqual(['0 B', '999 B', '1.5 kB', '2.5 GB']);
  });
});
