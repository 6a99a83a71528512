import { type FileHandle, open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { error } from '../../../errors/index.js';

/** What became of one attempt. `after`: milliseconds that the receiver asks to wait. `why` names no data and no secret. */
export type Delivered =
  | { readonly done: true }
  | { readonly done: false; readonly again: boolean; readonly after?: number; readonly why: string };

/** One way to bring events, each a line of JSON, to where they belong. Nothing here rejects. */
export interface Delivery {
  /** For notices: without user, password and query. */
  readonly name: string;
  /** Most events of one attempt. */
  readonly batch: number;
  deliver(lines: readonly string[], signal: AbortSignal): Promise<Delivered>;
  close(): Promise<void>;
}

/** `shown` instead of the target: that may hold a password. */
const unusable = (shown: string, cause?: unknown) =>
  error(
    'config-invalid',
    { name: 'the target of lineage', value: shown, wanted: 'file:///absolute/path or http(s)://host[/path]' },
    cause,
  );

const codeOf = (thrown: unknown): string => {
  const { code, cause } = Object(thrown) as { code?: unknown; cause?: { code?: unknown } };
  const known = typeof code === 'string' ? code : cause?.code;
  return typeof known === 'string' ? known : 'it failed';
};

const endsInLine = async (file: FileHandle, size: number): Promise<boolean> => {
  if (size === 0) return true;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] === 0x0a;
};

/** Appends lines to a file, and says done when they are on the disk. A line that a crash left unfinished is ended first. */
export const fileDelivery = (target: string): Delivery => {
  let path: string;
  try {
    path = /^file:\/(\/\/)?(?!\/).*[^/]$/.test(target) ? fileURLToPath(target) : '';
  } catch (thrown) {
    throw unusable('file:', thrown);
  }
  if (path === '') throw unusable('file:');
  let file: FileHandle | undefined;
  const append = async (lines: readonly string[]): Promise<void> => {
    file ??= await open(path, 'a+', 0o640);
    const { size } = await file.stat();
    const start = (await endsInLine(file, size)) ? '' : '\n';
    await file.appendFile(`${start}${lines.join('\n')}\n`);
    await file.datasync();
  };
  return {
    name: path,
    batch: 200,
    deliver: (lines) =>
      append(lines).then(
        (): Delivered => ({ done: true }),
        // Part of it may be written: trying again could write an event twice, which readers of lineage put up with.
        (thrown: unknown): Delivered => ({ done: false, again: true, why: codeOf(thrown) }),
      ),
    close: async () => {
      await file?.close().catch(() => undefined);
    },
  };
};

const ANSWER_WITHIN = 10_000;
/** The path that OpenLineage gives receivers. */
const PATH = '/api/v1/lineage';

/** Posts each event. Another answer than 429 or 5xx is final. */
export const httpDelivery = (target: string, apiKey: string | undefined): Delivery => {
  let url: URL;
  try {
    url = new URL(target);
  } catch (thrown) {
    throw unusable('…', thrown);
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw unusable(url.protocol);
  if (url.pathname === '/') url.pathname = PATH;
  const basic =
    url.username === '' ? undefined : `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const authorization =
    apiKey !== undefined ? `Bearer ${apiKey}` : basic && `Basic ${Buffer.from(basic).toString('base64')}`;
  url.username = '';
  url.password = '';
  const post = async (body: string, signal: AbortSignal): Promise<Delivered> => {
    const response = await fetch(url, {
      ...{
        method: 'POST',
        body,
        redirect: 'error',
        signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN)]),
      },
      headers: { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) },
    });
    await response.body?.cancel();
    if (response.ok) return { done: true };
    const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
    return {
      ...{
        done: false,
        again: response.status === 429 || response.status >= 500,
        why: `it answered ${response.status}`,
      },
      ...(Number.isFinite(seconds) && seconds >= 0 ? { after: Math.min(seconds, 60) * 1000 } : {}),
    };
  };
  return {
    name: `${url.origin}${url.pathname}`,
    batch: 1,
    deliver: ([line = ''], signal) =>
      post(line, signal).catch((thrown: unknown): Delivered => ({ done: false, again: true, why: codeOf(thrown) })),
    close: async () => {},
  };
};
