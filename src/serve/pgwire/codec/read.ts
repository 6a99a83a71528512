import { error } from '../../../errors/index.js';
import type { Bind, BoundValue } from './write.js';

/** Reads a message's payload from front to back; a read over its end is `request-invalid`. */
export class Reader {
  private at = 0;
  constructor(private readonly payload: Buffer) {}

  private take(length: number): number {
    const from = this.at;
    if (length < 0 || from + length > this.payload.length)
      throw error('request-invalid', { where: 'message', what: 'it ends too early' });
    this.at += length;
    return from;
  }
  text(): string {
    const end = this.payload.indexOf(0, this.at);
    if (end < 0) throw error('request-invalid', { where: 'message', what: 'a string does not end' });
    const value = this.payload.toString('utf8', this.at, end);
    this.at = end + 1;
    return value;
  }
  byte(): number {
    return this.payload.readUInt8(this.take(1));
  }
  int16(): number {
    return this.payload.readInt16BE(this.take(2));
  }
  count(): number {
    return this.payload.readUInt16BE(this.take(2));
  }
  int32(): number {
    return this.payload.readInt32BE(this.take(4));
  }
  uint32(): number {
    return this.payload.readUInt32BE(this.take(4));
  }
  bytes(length: number): Buffer {
    const from = this.take(length);
    return this.payload.subarray(from, from + length);
  }
  get rest(): Buffer {
    return this.payload.subarray(this.at);
  }
  get done(): boolean {
    return this.at >= this.payload.length;
  }
}

const times = <T>(n: number, read: () => T): T[] => Array.from({ length: n }, read);

export const readBind = (payload: Buffer): Bind => {
  const r = new Reader(payload);
  const portal = r.text();
  const statement = r.text();
  const formats = times(r.count(), () => r.int16());
  const values = times(r.count(), (): BoundValue => {
    const length = r.int32();
    return length < 0 ? null : r.bytes(length);
  });
  return { portal, statement, formats, values, results: times(r.count(), () => r.int16()) };
};

/** A column of a RowDescription. */
export interface DescribedColumn {
  readonly name: string;
  readonly type: number;
  readonly modifier: number;
}

export const readRowDescription = (payload: Buffer): DescribedColumn[] => {
  const r = new Reader(payload);
  return times(r.count(), () => {
    const name = r.text();
    r.bytes(6);
    const type = r.uint32();
    r.bytes(2);
    const modifier = r.int32();
    r.bytes(2);
    return { name, type, modifier };
  });
};

export const readParameterTypes = (payload: Buffer): number[] => {
  const r = new Reader(payload);
  return times(r.count(), () => r.uint32());
};

/** Values of a DataRow in text format. */
export const readDataRow = (payload: Buffer): (string | null)[] => {
  const r = new Reader(payload);
  return times(r.count(), () => {
    const length = r.int32();
    return length < 0 ? null : r.bytes(length).toString('utf8');
  });
};

/** Fields of an ErrorResponse or NoticeResponse by their letter. */
export const readReport = (payload: Buffer): ReadonlyMap<string, string> => {
  const r = new Reader(payload);
  const fields = new Map<string, string>();
  for (let code = r.byte(); code !== 0; code = r.byte()) fields.set(String.fromCharCode(code), r.text());
  return fields;
};
