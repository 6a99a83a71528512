import { describe, expect, it } from 'vitest';
import type { AddFile } from '../../../store/delta/index.js';
import { readTransform } from '../files/read-transforms.js';
import { filesWithKey, type TableFiles } from './key-ranges.js';

const transform = readTransform(
  'sql/gold/t.v1.sql',
  'gold',
  `/* @transform
name: gold.t
version: 1
description: a table
kind: incremental_by_partition
role: fact
partition: {column: day, unit: day, inputs: {silver.x: day}}
keys: {natural: [id]}
targets: [delta]
columns:
  - {name: id, type: bigint, nullable: false}
  - {name: day, type: date, nullable: false}
  - {name: code, type: string, nullable: false}
  - {name: price, type: "decimal(38,4)", nullable: false}
  - {name: at, type: timestamp, nullable: false}
  - {name: flag, type: boolean, nullable: false}
owner: somebody
*/
SELECT 1`,
);
const add = (path: string, stats?: string): AddFile => ({
  ...{ path, partitionValues: {}, size: 1, modificationTime: 0, dataChange: true },
  ...(stats === undefined ? {} : { stats }),
});
const bounds = (column: string, least: string, greatest: string): string =>
  `{"numRecords":2,"minValues":{"${column}":${least}},"maxValues":{"${column}":${greatest}},"nullCount":{"${column}":0}}`;
/** Which of the others are looked at for keys of one changed file. */
const looked = (
  key: readonly string[],
  changed: string | undefined,
  others: readonly (string | undefined)[],
): string[] => {
  const files: TableFiles = {
    rows: 10,
    files: [
      { add: add('own', changed), partition: '2010-12-02' },
      ...others.map((stats, i) => ({ add: add(`${i}`, stats), partition: i % 2 === 0 ? '2010-12-01' : undefined })),
    ],
    relation: () => '',
  };
  return filesWithKey(transform, key, files, new Set(['2010-12-02'])).map(({ path }) => path);
};

describe('files that may hold a key of changed rows', () => {
  it('are those of the changed partitions alone where the key holds the partition column', () => {
    expect(looked(['id', 'day'], undefined, [undefined, bounds('id', '1', '2')])).toEqual(['own']);
  });
  it('are all where statistics are missing, on either side, or say nothing that is known', () => {
    expect(looked(['id'], undefined, [bounds('id', '1', '2'), undefined])).toEqual(['own', '0', '1']);
    const odd = [
      undefined,
      '{',
      '{}',
      '{"minValues":{"id":7}}',
      bounds('id', '"7"', '"x"'),
      bounds('code', '"a"', '"b"'),
    ];
    expect(looked(['id'], bounds('id', '1', '2'), odd)).toEqual(['own', ...odd.map((_, i) => `${i}`)]);
    expect(looked(['flag'], bounds('flag', 'true', 'true'), [bounds('flag', 'false', 'false')])).toEqual(['own', '0']);
  });
  it('are those whose ranges meet, exactly to the last digit', () => {
    const id = (least: string, greatest: string) => bounds('id', least, greatest);
    expect(
      looked(['id'], id('9007199254740993', '9007199254740995'), [
        ...[id('9007199254740996', '9007199254740999'), id('9007199254740995', '9007199254740999')],
        ...[id('-5', '9007199254740992'), id('-5', '9007199254740993'), id('9007199254740994', '9007199254740994')],
      ]),
    ).toEqual(['own', '1', '3', '4']);
    const price = (least: string, greatest: string) => bounds('price', least, greatest);
    expect(
      looked(['price'], price('-0.0001', '12345678901234567890.1234'), [
        ...[
          price('12345678901234567890.1235', '99999999999999999999.0'),
          price('-9', '-0.0001'),
          price('-9', '-0.0002'),
        ],
      ]),
    ).toEqual(['own', '1']);
  });
  it('tell text apart by its bytes, and times that were cut to the millisecond', () => {
    const code = (least: string, greatest: string) => bounds('code', JSON.stringify(least), JSON.stringify(greatest));
    // U+FFFD comes before U+1F600 in UTF-8, and after it where code units are compared.
    expect(looked(['code'], code('a', 'b\ufffd'), [code('b\u{1f600}', 'c'), code('b', 'b'), code('A', 'Z')])).toEqual([
      'own',
      '1',
    ]);
    const at = (least: string, greatest: string) => bounds('at', `"2010-12-01T${least}Z"`, `"2010-12-01T${greatest}Z"`);
    expect(
      looked(['at'], at('10:00:00.000', '10:00:00.500'), [
        at('10:00:00.500', '11:00:00.000'),
        at('10:00:00.501', '11:00:00.000'),
      ]),
    ).toEqual(['own', '0']);
    expect(
      looked(['at'], at('10:00:00.000', '10:00:00.500'), [bounds('at', '"2010-12-02 10:00"', '"2010-12-02 11:00"')]),
    ).toEqual(['own', '0']);
  });
  it('need meet in every column of the key', () => {
    const two = (id: string, code: string) =>
      `{"minValues":{"id":${id},"code":"${code}"},"maxValues":{"id":${id},"code":"${code}"}}`;
    expect(looked(['id', 'code'], two('1', 'a'), [two('1', 'b'), two('2', 'a'), two('1', 'a')])).toEqual(['own', '2']);
  });
});
