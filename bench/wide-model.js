// A model of N cubes with 30 members each, views over ten cubes, rollups on every fifth: the shape of a large company's model.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const writeWideModel = (dir, cubes) => {
  mkdirSync(join(dir, 'cubes'), { recursive: true });
  mkdirSync(join(dir, 'views'), { recursive: true });
  for (let i = 0; i < cubes; i++) {
    const dimensions = Array.from(
      { length: 15 },
      (_, d) =>
        `      - {name: d${d}, sql: "{CUBE}.d${d}", type: string, title: "Dimension ${d}", description: "Attribute ${d} of subject ${i}."}`,
    );
    const measures = Array.from(
      { length: 13 },
      (_, m) =>
        `      - {name: m${m}, sql: "{CUBE}.m${m}", type: sum, title: "Measure ${m}", description: "Total ${m} of subject ${i}.", meta: {type: "decimal(18,2)"} }`,
    );
    const next =
      i % 10 === 9 || i + 1 >= cubes
        ? []
        : ['    joins:', `      - {name: c${i + 1}, relationship: many_to_one, sql: "{CUBE}.k = {c${i + 1}.id}"}`];
    const rollup =
      i % 5 === 0
        ? [
            '    pre_aggregations:',
            `      - {name: by_day, measures: [m0, m1], dimensions: [d0, d1], time_dimension: at, granularity: day, partition_granularity: month}`,
          ]
        : [];
    writeFileSync(
      join(dir, 'cubes', `c${i}.yml`),
      [
        'cubes:',
        `  - name: c${i}`,
        `    sql_table: gold.t${i}`,
        '    public: false',
        ...next,
        '    dimensions:',
        '      - {name: id, sql: "{CUBE}.id", type: number, primary_key: true, meta: {type: bigint} }',
        '      - {name: at, sql: "{CUBE}.at", type: time}',
        ...dimensions,
        '    measures:',
        ...measures,
        ...rollup,
        '',
      ].join('\n'),
    );
  }
  for (let v = 0; v < cubes / 10; v++) {
    const first = v * 10;
    const paths = Array.from({ length: 10 }, (_, i) =>
      Array.from({ length: i + 1 }, (_, j) => `c${first + j}`).join('.'),
    );
    const includes = paths.map((path, i) =>
      [`      - join_path: ${path}`, `        prefix: ${i > 0}`, '        includes: "*"'].join('\n'),
    );
    writeFileSync(
      join(dir, 'views', `v${v}.yml`),
      ['views:', `  - name: v${v}`, '    cubes:', ...includes, ''].join('\n'),
    );
  }
};

/** One cube of so many members, half of them measures, and its view: how compiling goes with a cube's size. */
export const writeLongModel = (dir, members) => {
  for (const part of ['cubes', 'views']) mkdirSync(join(dir, part), { recursive: true });
  const half = members / 2;
  const lines = (make) => Array.from({ length: half }, (_, i) => make(i));
  writeFileSync(
    join(dir, 'cubes', 'long.yml'),
    [
      'cubes:',
      '  - name: long',
      '    sql_table: gold.long',
      '    public: false',
      '    dimensions:',
      '      - {name: id, sql: "{CUBE}.id", type: number, primary_key: true, meta: {type: bigint} }',
      ...lines((i) => `      - {name: d${i}, sql: "{CUBE}.d${i}", type: string}`),
      '    measures:',
      ...lines((i) => `      - {name: m${i}, sql: "{CUBE}.m${i}", type: sum, meta: {type: "decimal(18,2)"} }`),
      '',
    ].join('\n'),
  );
  writeFileSync(
    join(dir, 'views', 'v.yml'),
    'views:\n  - name: v\n    cubes:\n      - {join_path: long, includes: "*"}\n',
  );
};
