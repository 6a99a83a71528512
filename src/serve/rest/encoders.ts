import { type Column, type ColumnBatch, type Provenance, typeText } from '../../query/index.js';
import { jsonWriter, plainWriter } from './value-json.js';

/** Writes an answer: `head`, then rows, then `tail`. Batches stay columns until their text is written. */
export interface Encoder {
  readonly type: string;
  readonly head: string | Uint8Array;
  /** The rows `from` to `to` of a batch. */
  rows(batch: ColumnBatch, from: number, to: number): string | Uint8Array;
  tail(provenance: Provenance): string | Uint8Array;
}

/** An encoder of a format that is text. */
export interface TextEncoding extends Encoder {
  readonly head: string;
  rows(batch: ColumnBatch, from: number, to: number): string;
  tail(provenance: Provenance): string;
}

/** A column as JSON says it: `{"name", "type": "decimal(18,2)", "unit"?, "role"}`. */
export const columnJson = ({ name, type, unit, role }: Column) => ({
  name,
  type: typeText(type),
  ...(unit === undefined ? {} : { unit }),
  role,
});

/** `{"columns": [...], "rows": [[...], ...], "provenance": {...}}`. Cut anywhere, it is no JSON. */
export const jsonEncoder = (columns: readonly Column[], zone: string): TextEncoding => {
  const writers = columns.map((column) => jsonWriter(column, zone));
  let first = true;
  return {
    type: 'application/json; charset=utf-8',
    head: `{"columns":${JSON.stringify(columns.map(columnJson))},"rows":[`,
    rows: (batch, from, to) => {
      let text = '';
      for (let row = from; row < to; row++) {
        text += first ? '[' : ',[';
        first = false;
        for (let i = 0; i < writers.length; i++) {
          if (i > 0) text += ',';
          text += writers[i]?.(batch.columns[i]?.[row] ?? null);
        }
        text += ']';
      }
      return text;
    },
    tail: (provenance) =>
      `],${provenance.total === undefined ? '' : `"total":${provenance.total},`}"provenance":${JSON.stringify(provenance)}}`,
  };
};

/** What RFC 4180 wants in quotes, and blanks at the ends, which some readers would take away. */
const QUOTED = /[",\r\n]|^\s|\s$/;
const field = (text: string): string =>
  text === '' ? '""' : QUOTED.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

/** A JSON object in each line, by column names. Values are written as in JSON answers. */
export const linesEncoder = (columns: readonly Column[], zone: string): TextEncoding => {
  const writers = columns.map((column) => jsonWriter(column, zone));
  const names = columns.map(({ name }, i) => `${i === 0 ? '{' : ','}${JSON.stringify(name)}:`);
  return {
    type: 'application/x-ndjson; charset=utf-8',
    head: '',
    rows: (batch, from, to) => {
      let text = '';
      for (let row = from; row < to; row++) {
        for (let i = 0; i < writers.length; i++) text += `${names[i]}${writers[i]?.(batch.columns[i]?.[row] ?? null)}`;
        text += '}\n';
      }
      return text;
    },
    tail: () => '',
  };
};

/** RFC 4180 with a header line. Null is an empty field, an empty text is `""`. Numbers and times are written as in JSON, without quotes. */
export const csvEncoder = (columns: readonly Column[], zone: string): TextEncoding => {
  const writers = columns.map(({ type }) => {
    const plain = plainWriter(type, zone);
    return type.kind === 'string' ? (value: Parameters<typeof plain>[0]) => field(value as string) : plain;
  });
  return {
    type: 'text/csv; charset=utf-8; header=present',
    head: `${columns.map(({ name }) => field(name)).join(',')}\r\n`,
    rows: (batch, from, to) => {
      let text = '';
      for (let row = from; row < to; row++) {
        for (let i = 0; i < writers.length; i++) {
          if (i > 0) text += ',';
          const value = batch.columns[i]?.[row] ?? null;
          if (value !== null) text += writers[i]?.(value);
        }
        text += '\r\n';
      }
      return text;
    },
    tail: () => '',
  };
};
