import type { TableColumn } from '../../store/delta/index.js';

/** A kind of file that can be taken in: its columns, in the file's usual order, and where they go. */
export interface Source {
  readonly name: string;
  readonly columns: readonly string[];
  /** Bronze table, as transforms name it. */
  readonly table: string;
  /** How generated data is told from real data: this column of the first row ends so. */
  readonly synthetic: { readonly column: string; readonly suffix: string };
}

export const SOURCES: ReadonlyMap<string, Source> = new Map(
  [
    {
      name: 'online_retail',
      columns: [
        'InvoiceNo',
        'StockCode',
        'Description',
        'Quantity',
        'InvoiceDate',
        'UnitPrice',
        'CustomerID',
        'Country',
      ],
      table: 'bronze.online_retail',
      synthetic: { column: 'Description', suffix: ' (SYNTHETIC)' },
    },
  ].map((source) => [source.name, source]),
);

export const REJECTED_TABLE = 'bronze.rejected_lines';
const text = (name: string, nullable = true): TableColumn => ({ name, type: { kind: 'string' }, nullable });
const long = (name: string): TableColumn => ({ name, type: { kind: 'bigint' }, nullable: false });
const audit: readonly TableColumn[] = [
  { name: '_ingested_at', type: { kind: 'timestamp' }, nullable: false },
  text('_batch_id', false),
  { name: 'ingestion_date', type: { kind: 'date' }, nullable: false },
  text('source_system', false),
];

/** Columns of a source's bronze table: the file's, as text and unchanged (an empty field is ''), then the audit columns. */
export const bronzeColumns = (source: Source): readonly TableColumn[] => [
  ...source.columns.map((name) => text(name)),
  text('_source_file', false),
  long('_row_number'),
  ...audit,
];

/** Columns of `bronze.rejected_lines`: `raw_text` holds the first MiB; length and hash are of the whole record without its line end. */
export const rejectedColumns: readonly TableColumn[] = [
  text('source', false),
  text('_source_file', false),
  long('_row_number'),
  long('line_number'),
  long('byte_offset'),
  long('byte_length'),
  text('sha256', false),
  text('raw_text', false),
  text('reason', false),
  text('detail', false),
  ...audit,
];

export const PARTITION_COLUMNS: readonly string[] = ['ingestion_date', 'source_system'];

/** Folder of a bronze table, `bronze.online_retail`, in the lake. */
export const bronzePath = (lake: string, table: string): string => `${lake}/${table.replace('.', '/')}`;
