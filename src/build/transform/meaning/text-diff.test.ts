import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { textDiff } from './text-diff.js';

const diff = (before: string, after: string) => textDiff({ name: 'a', text: before }, { name: 'b', text: after });

/** What `patch` does: takes the lines of the old text and puts each part of the difference where it says. */
const patched = (before: string, patch: string): string => {
  const lines = before.split('\n');
  const out: string[] = [];
  let at = 0;
  for (const part of patch.split(/^@@ /m).slice(1)) {
    const [head = '', ...body] = part.replace(/\n$/, '').split('\n');
    const [, start = '1', count = '1'] = /^-(\d+)(?:,(\d+))?/.exec(head) ?? [];
    const from = Number(start) - (count === '0' ? 0 : 1);
    out.push(...lines.slice(at, from));
    at = from;
    for (const line of body) {
      if (!line.startsWith('+')) {
        expect(line.slice(1)).toBe(lines[at]);
        at += 1;
      }
      if (!line.startsWith('-')) out.push(line.slice(1));
    }
  }
  return [...out, ...lines.slice(at)].join('\n');
};

describe('a difference of texts', () => {
  it('is shown as diff -u does', () => {
    const before = Array.from({ length: 12 }, (_, i) => `line ${i}`);
    const after = before.map((line, i) => (i === 1 ? 'other' : line)).filter((_, i) => i !== 10);
    expect(diff(before.join('\n'), after.join('\n'))).toBe(
      `--- a
+++ b
@@ -1,5 +1,5 @@
 line 0
-line 1
+other
 line 2
 line 3
 line 4
@@ -8,5 +8,4 @@
 line 7
 line 8
 line 9
-line 10
 line 11
`,
    );
    expect(diff('same', 'same')).toBe('');
  });
  it('leads from the one to the other', () => {
    const text = fc.array(fc.constantFrom('a', 'b', 'c', 'd', ''), { maxLength: 30 }).map((lines) => lines.join('\n'));
    fc.assert(
      fc.property(text, text, (before, after) => {
        expect(patched(before, diff(before, after))).toBe(after);
      }),
      { seed: 11, numRuns: 500 },
    );
  });
});
