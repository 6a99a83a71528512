/** The 85 characters of Z85 (ZeroMQ RFC 32) in the order of their values. */
const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';
const VALUES = new Map([...ALPHABET].map((character, value) => [character, value]));

/** The bytes of a Z85 text: 4 for each 5 characters; undefined where it is none. */
export const decodeZ85 = (text: string): Buffer | undefined => {
  if (text.length % 5 !== 0) return undefined;
  const bytes = Buffer.alloc((text.length / 5) * 4);
  for (let at = 0; at < text.length; at += 5) {
    let group = 0;
    for (let i = at; i < at + 5; i++) {
      const value = VALUES.get(text[i] ?? '');
      if (value === undefined) return undefined;
      group = group * 85 + value;
    }
    if (group > 0xffffffff) return undefined;
    bytes.writeUInt32BE(group, (at / 5) * 4);
  }
  return bytes;
};

/** The Z85 text of bytes, whose count is a multiple of 4. */
export const encodeZ85 = (bytes: Buffer): string => {
  let text = '';
  for (let at = 0; at < bytes.length; at += 4) {
    let group = bytes.readUInt32BE(at);
    let five = '';
    for (let i = 0; i < 5; i++) {
      five = (ALPHABET[group % 85] ?? '') + five;
      group = Math.floor(group / 85);
    }
    text += five;
  }
  return text;
};
