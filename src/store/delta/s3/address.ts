import { error } from '../../../errors/index.js';

/** A place in a bucket. `prefix` has no slash at its ends; '' is the whole bucket. */
export interface Address {
  readonly bucket: string;
  readonly prefix: string;
}

const SCHEME = /^s3a?:\/\//;

/** True for what names a place in a bucket, and no folder of this machine. */
export const isAddress = (text: string): boolean => SCHEME.test(text);

/** Reads `s3://bucket/prefix` (or `s3a://`). Errors: `usage`. */
export const parseAddress = (text: string): Address => {
  const [bucket = '', ...parts] = text.replace(SCHEME, '').split('/');
  if (!isAddress(text) || !/^[a-z0-9][a-z0-9._-]{1,253}[a-z0-9]$/i.test(bucket) || parts.includes('..'))
    throw error('usage', { text: `an address such as s3://bucket/prefix is wanted, not ${text}` });
  return { bucket, prefix: parts.filter((part) => part !== '' && part !== '.').join('/') };
};

export const addressText = ({ bucket, prefix }: Address): string =>
  prefix === '' ? `s3://${bucket}` : `s3://${bucket}/${prefix}`;

/** Name parts of this machine's files are at most this long, in bytes; longer ones go on in a folder of the rest. */
const LONGEST = 200;
const GOES_ON = '%~';

/** A key as a path of this machine: every part of plain characters that no engine or file system reads as something else. */
export const keyPath = (key: string): string =>
  key
    .split('/')
    .map((part) => {
      const plain = encodeURIComponent(part).replaceAll(
        /[!'()*~]/g,
        (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
      );
      if (/^\.*$/.test(plain)) return plain === '' ? '%' : plain.replaceAll('.', '%2E');
      const pieces = plain.match(new RegExp(`.{1,${LONGEST}}`, 'g')) ?? [];
      return pieces.join(`${GOES_ON}/`);
    })
    .join('/');

/** The key of such a path. */
export const pathKey = (path: string): string =>
  path
    .replaceAll(`${GOES_ON}/`, '')
    .split('/')
    .map((part) => (part === '%' ? '' : decodeURIComponent(part)))
    .join('/');
