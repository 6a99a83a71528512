import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameSplitter } from './frames.js';
import { readBind, readReport } from './read.js';
import { scramClient } from './scram.js';
import { bindMessage, frame, reportMessage } from './write.js';

const typed = fc.tuple(
  fc.constantFrom('Q', 'P', 'B', 'd'),
  fc.uint8Array({ maxLength: 40 }).map((b) => Buffer.from(b)),
);

describe('messages', () => {
  it('come out whole however the bytes were cut', () => {
    fc.assert(
      fc.property(
        fc.array(typed, { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (messages, cuts) => {
          const bytes = Buffer.concat(messages.map(([type, payload]) => frame(type, payload)));
          const splitter = new FrameSplitter();
          const got: [string, Buffer][] = [];
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = cuts[i % cuts.length] ?? 1;
            splitter.append(bytes.subarray(at, at + size));
            at += size;
            for (let f = splitter.take(); f; f = splitter.take()) got.push([f.type, f.payload]);
          }
          expect(got).toEqual(messages);
          expect(splitter.size).toBe(0);
        },
      ),
    );
  });
  it('of a length that cannot be end the reading', () => {
    for (const length of [3, -1, 0x7fff_ffff]) {
      const splitter = new FrameSplitter();
      const bytes = Buffer.from('Q\0\0\0\0', 'latin1');
      bytes.writeInt32BE(length, 1);
      splitter.append(bytes);
      expect(() => splitter.take()).toThrow(/length/);
    }
  });
  it('carry bound values unchanged', () => {
    const value = fc.option(fc.uint8Array({ maxLength: 30 }).map((b) => Buffer.from(b)));
    const name = fc.string({ maxLength: 8 }).filter((s) => !s.includes('\0'));
    fc.assert(
      fc.property(
        name,
        name,
        fc.array(value, { maxLength: 5 }),
        fc.array(fc.constantFrom(0, 1), { maxLength: 3 }),
        (portal, statement, values, formats) => {
          const bind = { portal, statement, formats, values, results: formats };
          expect(readBind(bindMessage(bind).subarray(5))).toEqual(bind);
        },
      ),
    );
  });
  it('that are cut short, or random, are an error of the request and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        for (const read of [readBind, readReport])
          try {
            read(Buffer.from(bytes));
          } catch (thrown) {
            expect(thrown).toMatchObject({ code: 'request-invalid' });
          }
      }),
    );
  });
  it('report errors field by field', () => {
    const fields = readReport(
      reportMessage('E', { severity: 'ERROR', code: '0A000', message: 'no', hint: 'yes' }).subarray(5),
    );
    expect(Object.fromEntries(fields)).toEqual({ S: 'ERROR', V: 'ERROR', C: '0A000', M: 'no', H: 'yes' });
  });
});

describe('SCRAM-SHA-256', () => {
  /** A server of RFC 5802 that knows the password. */
  const serve = (password: string, first: string, salt: Buffer) => {
    const bare = first.slice('n,,'.length);
    const nonce = `${bare.slice('n=,r='.length)}server`;
    const challenge = `r=${nonce},s=${salt.toString('base64')},i=4096`;
    const salted = pbkdf2Sync(password, salt, 4096, 32, 'sha256');
    const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest();
    return {
      challenge,
      check: (answer: string) => {
        const [, without = '', proof = ''] = /^(.*),p=(.*)$/.exec(answer) ?? [];
        const auth = `${bare},${challenge},${without}`;
        const stored = createHash('sha256').update(hmac(salted, 'Client Key')).digest();
        const signature = hmac(stored, auth);
        const key = Buffer.from(Buffer.from(proof, 'base64').map((b, i) => b ^ (signature[i] ?? 0)));
        const held = createHash('sha256').update(key).digest().equals(stored);
        return { held, final: `v=${hmac(hmac(salted, 'Server Key'), auth).toString('base64')}` };
      },
    };
  };
  it('proves the password, and checks that the server knows it', () => {
    const client = scramClient('a secret');
    const server = serve('a secret', client.first, Buffer.from('salt'));
    const { held, final } = server.check(client.answer(server.challenge));
    expect(held).toBe(true);
    expect(() => client.verify(final)).not.toThrow();
    expect(() => client.verify('v=AAAA')).toThrow();
  });
  it('refuses a server that answers another nonce', () => {
    expect(() => scramClient('x').answer('r=other,s=AAAA,i=4096')).toThrow();
  });
});
