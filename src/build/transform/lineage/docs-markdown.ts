import type { ColumnLink, TableDocument } from './docs-types.js';
import { ALL } from './edges.js';

/** Text of a declaration inside a table's cell: Markdown stays, what would break the cell or be taken as HTML does not. */
const cell = (text: string): string =>
  text.replace(/\s+/g, ' ').trim().replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('|', '\\|');

const code = (text: string): string => {
  const ticks = text.includes('`') ? '``' : '`';
  const space = ticks === '``' ? ' ' : '';
  return `${ticks}${space}${text.replace(/\s+/g, ' ').replaceAll('|', '\\|')}${space}${ticks}`;
};

const count = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ',');
const words = (name: string): string => name.toLowerCase().replaceAll('_', ' ');

/** 99.500000 is 99.5. */
const short = (decimal: string): string => decimal.replace(/\.?0+$/, '');
/** A share of 1 as percent, exactly. */
const percent = (share: string): string => {
  const [whole = '0', fraction = ''] = share.split('.');
  const digits = `${whole}${fraction.padEnd(2, '0')}`;
  const cut = whole.length + 2;
  const left = digits.slice(0, cut).replace(/^0+(?=\d)/, '');
  const right = digits.slice(cut).replace(/0+$/, '');
  return `${left}${right === '' ? '' : `.${right}`} %`;
};

const grid = (head: readonly string[], rows: readonly (readonly string[])[]): string[] => [
  `| ${head.join(' | ')} |`,
  `| ${head.map(() => '---').join(' | ')} |`,
  ...rows.map((row) => `| ${row.join(' | ')} |`),
];

const linkTo = (table: string, known: ReadonlySet<string>): string =>
  known.has(table) ? `[${code(table)}](${table}.md)` : code(table);

/** Columns with the ways they are used. `all`: what `*` stands for. */
const links = (list: readonly ColumnLink[], known: ReadonlySet<string>, all: string): string[] => {
  const ways = new Map<string, Set<string>>();
  for (const { table, column, how } of list) {
    const shown = column === ALL ? `${all} of ${code(table)}` : code(`${table}.${column}`);
    const link = known.has(table) ? `[${shown}](${table}.md)` : shown;
    ways.set(link, (ways.get(link) ?? new Set()).add(words(how)));
  }
  return [...ways].map(([link, how]) => `${link} (${[...how].join(', ')})`);
};

const facts = (table: TableDocument, known: ReadonlySet<string>): [string, string][] => {
  const { partition, published } = table;
  const until = table.versions.find(({ id }) => id === table.id)?.servedUntil;
  const others = table.versions.filter(({ id }) => id !== table.id);
  const tables = (ids: readonly string[]) => ids.map((id) => linkTo(id, known)).join(', ');
  const range =
    published?.firstPartition === undefined
      ? ''
      : ` in ${count(published.partitions)} partitions, ${published.firstPartition} to ${published.lastPartition}`;
  const rows: [string, string | undefined][] = [
    ['owner', table.owner === '' ? undefined : cell(table.owner)],
    ['kind', `${words(table.kind)}, ${table.role}`],
    ['version', `${table.version}${table.fingerprint === undefined ? '' : ` (${code(table.fingerprint)})`}`],
    ['served until', until],
    [
      'other versions',
      others.length === 0
        ? undefined
        : others
            .map(
              (one) => `${linkTo(one.id, known)}${one.servedUntil === undefined ? '' : ` (until ${one.servedUntil})`}`,
            )
            .join(', '),
    ],
    [
      'partitions',
      partition &&
        `by ${code(partition.column)}, one for each ${partition.unit}${
          partition.lookback === 0 ? '' : `; each is made again up to ${partition.lookback} later`
        }`,
    ],
    ['natural key', table.naturalKey.length === 0 ? undefined : table.naturalKey.map(code).join(', ')],
    ['surrogate key', table.surrogateKey && code(table.surrogateKey)],
    ['kept in', table.targets.map((target) => (target === 'delta' ? 'Delta Lake' : 'PostgreSQL')).join(', ')],
    ['reads', tables(table.readsFrom) || undefined],
    ['read by', tables(table.readBy) || undefined],
    ['freshness', table.freshnessHours === undefined ? undefined : `at most ${table.freshnessHours} h old`],
    ['rows', published && `${count(published.rows)}${range}`],
    ['published', published && `revision ${published.revision}, ${published.at}`],
    ['quality', published && quality(table)],
    ['file', code(table.file)],
  ];
  return rows.flatMap(([name, text]): [string, string][] => (text === undefined ? [] : [[name, text]]));
};

const quality = ({ published, minimumScore }: TableDocument): string =>
  [
    published?.score === undefined ? 'no score: no check looked at a row' : `score ${short(published.score)} of 100`,
    ...(published?.coverage === undefined ? [] : [`coverage ${percent(published.coverage)}`]),
    ...(minimumScore === undefined ? [] : [`at least ${short(minimumScore)} is asked for`]),
  ].join('; ');

const TITLE = 'Transforms';

/** The page of one table. `known` are the tables that have pages. */
export const tablePage = (table: TableDocument, known: ReadonlySet<string>): string => {
  const { columns, checks, rowsDecidedBy, published } = table;
  const lines = [
    `# ${table.id}`,
    '',
    `[${TITLE}](index.md)`,
    '',
    ...(table.description === '' ? [] : [cell(table.description).replaceAll('\\|', '|'), '']),
    ...(table.synthetic ? ['**Synthetic: these rows are generated, not observed.**', ''] : []),
    ...grid(['', ''], facts(table, known)),
    '',
    ...(published?.quarantined.length
      ? [
          '## Quarantined',
          '',
          'Readers see the rows that were there before.',
          '',
          ...grid(
            ['partition', 'why'],
            published.quarantined.map(({ partition, reason }) => [code(partition), cell(reason)]),
          ),
          '',
        ]
      : []),
    '## Columns',
    '',
    ...grid(
      ['column', 'type', 'null', 'unit', 'personal data', 'description'],
      columns.map((column) => [
        code(column.name),
        code(column.type),
        column.nullable ? 'yes' : 'no',
        cell(column.unit ?? ''),
        column.pii === 'none' ? '' : column.pii,
        cell(column.description ?? ''),
      ]),
    ),
    '',
    '## Lineage',
    '',
    ...grid(
      ['column', 'made from', 'goes into'],
      columns.map((column) => [
        code(column.name),
        links(column.upstream, known, 'every column').join('<br>'),
        links(column.downstream, known, 'rows').join('<br>'),
      ]),
    ),
    '',
    ...(rowsDecidedBy.length === 0
      ? []
      : [`Which rows there are is decided by: ${links(rowsDecidedBy, known, 'every column').join(', ')}`, '']),
    '## Checks',
    '',
    ...(checks.length === 0
      ? ['None.']
      : grid(
          ['check', 'columns', 'severity', 'dimension', 'may fail', 'last result'],
          checks.map((check) => [
            code(check.name),
            check.columns.map(code).join(', '),
            check.severity,
            check.dimension,
            check.tolerance === '0.000000' ? 'none' : percent(check.tolerance),
            check.status === undefined
              ? 'not evaluated'
              : `${check.status}${check.passed === undefined ? '' : `, ${percent(check.passed)} passed`}`,
          ]),
        )),
  ];
  return `${lines.join('\n')}\n`;
};

/** The tables and their inputs as a Mermaid flowchart. */
const flowchart = (tables: readonly TableDocument[]): string[] => {
  const names = [...new Set(tables.flatMap((table) => [table.id, ...table.readsFrom]))].sort();
  const ids = new Map(names.map((name, at) => [name, `t${at}`]));
  const made = new Set(tables.map(({ id }) => id));
  return [
    '```mermaid',
    'flowchart LR',
    ...names.map((name) => {
      const label = name.replaceAll('"', '#quot;');
      return `  ${ids.get(name)}${made.has(name) ? `["${label}"]` : `[("${label}")]`}`;
    }),
    ...tables.flatMap((table) =>
      table.readsFrom
        .filter((input) => input !== table.id)
        .map((input) => `  ${ids.get(input)} --> ${ids.get(table.id)}`),
    ),
    '```',
  ];
};

/** The list of all tables, and their graph. */
export const indexPage = (tables: readonly TableDocument[]): string => {
  const known = new Set(tables.map(({ id }) => id));
  const rows = tables.map((table) => [
    linkTo(table.id, known),
    words(table.kind),
    cell(table.owner),
    table.published === undefined ? 'not yet' : count(table.published.rows),
    table.published?.score === undefined ? '' : short(table.published.score),
    cell(table.description.split(/(?<=\.)\s/)[0] ?? ''),
  ]);
  const lines = [
    `# ${TITLE}`,
    '',
    ...grid(['table', 'kind', 'owner', 'rows', 'score', 'what it is'], rows),
    '',
    ...flowchart(tables),
  ];
  return `${lines.join('\n')}\n`;
};
