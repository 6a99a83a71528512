import { isUtf8 } from 'node:buffer';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { error } from '../../errors/index.js';
import { decoder, type Inspection } from './encoding.js';
import { headerOrder } from './header.js';
import { type ByteSource, HEAD, isReject, type Reject, readRecords } from './records.js';
import type { Source } from './sources.js';

/** A file's records, split and decoded, as lines of JSON that the engine reads. */
export interface StagedRecords {
  readonly rowsFile: string;
  readonly rejectsFile: string;
  readonly rows: number;
  readonly rejected: number;
  /** Longest line of either file, in bytes: the engine must be told. */
  readonly longest: number;
  /** The first row's fields, in the source's order. */
  readonly first: readonly string[] | undefined;
}

/** Writes lines with back-pressure, a piece at a time. */
class Lines {
  count = 0;
  longest = 0;
  private held: string[] = [];
  private size = 0;
  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
  ) {}
  static async open(path: string): Promise<Lines> {
    return new Lines(path, await open(path, 'w'));
  }
  async write(value: object): Promise<void> {
    const text = `${JSON.stringify(value)}\n`;
    this.held.push(text);
    this.count += 1;
    // UTF-8 takes at most three bytes for a UTF-16 unit.
    if (text.length * 3 > this.longest) this.longest = Math.max(this.longest, Buffer.byteLength(text));
    this.size += text.length;
    if (this.size > 1 << 20) await this.flush();
  }
  async flush(): Promise<void> {
    const text = this.held.join('');
    this.held = [];
    this.size = 0;
    try {
      await this.handle.appendFile(text);
    } catch (thrown) {
      if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOSPC')
        throw error('disk-full', { path: this.path }, thrown);
      throw thrown;
    }
  }
  close = (): Promise<void> => this.handle.close();
}

export interface StageRecords {
  readonly file: string;
  readonly bytes: ByteSource;
  readonly source: Source;
  readonly inspection: Inspection;
  /** An empty folder of its own; made only when the header is good. */
  readonly folder: string;
  readonly makeFolder: () => Promise<void>;
  readonly check: () => void;
}

const reject = (record: Reject, decode: (bytes: Buffer) => string) => ({
  n: record.number,
  line: record.line,
  offset: record.offset,
  length: record.length,
  sha: record.sha256,
  raw: decode(record.head.subarray(0, HEAD)),
  reason: record.reason,
  detail: record.detail,
});

/** Splits the file into rows and rejects. Errors: `file-refused`, `file-unreadable`, `disk-full`, `cancelled`. */
export const stageRecords = async (stage: StageRecords): Promise<StagedRecords> => {
  const { source, inspection } = stage;
  const decode = decoder(inspection.encoding);
  const records = readRecords({
    source: stage.bytes,
    from: inspection.from,
    fields: source.columns.length,
    decode,
    ...(inspection.valid ? {} : { valid: isUtf8 }),
    check: stage.check,
  });
  const { value: begin } = await records.next();
  const [header, ...others] = begin ?? [];
  const head = await stage.bytes.read(inspection.from, Math.min(4096, stage.bytes.size - inspection.from));
  const order = headerOrder(stage.file, source, header, decode(head).split(/\r?\n/)[0] ?? '');
  await stage.makeFolder();
  const rows = await Lines.open(join(stage.folder, 'rows.json'));
  const rejects = await Lines.open(join(stage.folder, 'rejects.json'));
  let first: readonly string[] | undefined;
  try {
    const take = async (batch: typeof others | readonly (typeof others)[number][]) => {
      for (const record of batch) {
        if (isReject(record)) await rejects.write(reject(record, decode));
        else {
          const fields = order.map((i) => record.fields[i] ?? '');
          first ??= fields;
          await rows.write({ n: record.number, f: fields });
        }
      }
    };
    await take(others);
    for await (const batch of records) await take(batch);
    await rows.flush();
    await rejects.flush();
  } finally {
    await rows.close();
    await rejects.close();
  }
  return {
    rowsFile: rows.path,
    rejectsFile: rejects.path,
    rows: rows.count,
    rejected: rejects.count,
    longest: Math.max(rows.longest, rejects.longest),
    first,
  };
};
