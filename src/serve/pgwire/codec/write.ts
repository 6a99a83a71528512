/** Messages as bytes. Strings are UTF-8 and end in NUL. */
export const text = (value: string): Buffer => Buffer.from(`${value}\0`, 'utf8');

export const int16 = (...values: readonly number[]): Buffer => {
  const out = Buffer.alloc(2 * values.length);
  values.forEach((v, i) => {
    out.writeInt16BE(v, i * 2);
  });
  return out;
};

export const int32 = (...values: readonly number[]): Buffer => {
  const out = Buffer.alloc(4 * values.length);
  values.forEach((v, i) => {
    out.writeUInt32BE(v >>> 0, i * 4);
  });
  return out;
};

export const frame = (type: string, ...parts: readonly (Buffer | string)[]): Buffer => {
  const buffers = parts.map((p) => (typeof p === 'string' ? text(p) : p));
  const length = buffers.reduce((sum, b) => sum + b.length, 4);
  const head = type === '' ? int32(length) : Buffer.concat([Buffer.from(type, 'latin1'), int32(length)]);
  return Buffer.concat([head, ...buffers]);
};

export const SYNC = frame('S');
export const FLUSH = frame('H');
export const TERMINATE = frame('X');

const count = (n: number): Buffer => int16(n > 0x7fff ? n - 0x1_0000 : n);

export const parseMessage = (name: string, sql: string, types: readonly number[] = []): Buffer =>
  frame('P', name, sql, count(types.length), int32(...types));

/** A bound value: raw bytes in its format, or null. */
export type BoundValue = Buffer | null;

export interface Bind {
  readonly portal: string;
  readonly statement: string;
  readonly formats: readonly number[];
  readonly values: readonly BoundValue[];
  readonly results: readonly number[];
}

export const bindMessage = (bind: Bind): Buffer =>
  frame(
    'B',
    bind.portal,
    bind.statement,
    count(bind.formats.length),
    int16(...bind.formats),
    count(bind.values.length),
    ...bind.values.flatMap((v) => (v === null ? [int32(-1)] : [int32(v.length), v])),
    count(bind.results.length),
    int16(...bind.results),
  );

export const executeMessage = (portal: string, rows = 0): Buffer => frame('E', portal, int32(rows));
export const describeMessage = (what: 'S' | 'P', name: string): Buffer => frame('D', Buffer.from(what), name);
export const closeMessage = (what: 'S' | 'P', name: string): Buffer => frame('C', Buffer.from(what), name);
export const queryMessage = (sql: string): Buffer => frame('Q', sql);

export interface Report {
  readonly severity: 'FATAL' | 'ERROR' | 'NOTICE' | 'WARNING' | 'INFO';
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly detail?: string | undefined;
}

/** ErrorResponse or NoticeResponse. */
export const reportMessage = (type: 'E' | 'N', report: Report): Buffer => {
  const field = (code: string, value: string | undefined) => (value ? [Buffer.from(code), text(value)] : []);
  return frame(
    type,
    ...field('S', report.severity),
    ...field('V', report.severity),
    ...field('C', report.code),
    ...field('M', report.message),
    ...field('D', report.detail),
    ...field('H', report.hint),
    Buffer.of(0),
  );
};
