import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isNamed, Roster, rosterPart } from './roster.js';

describe('a roster', () => {
  it('names exactly its entities', () => {
    const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { maxLength: 60 });
    fc.assert(
      fc.property(names, names, (there, others) => {
        const roster = new Roster();
        for (const key of there) roster.add(key);
        const parts = new Map(roster.parts());
        for (const key of [...there, ...others])
          expect(isNamed(parts.get(rosterPart(key, roster.bits)) ?? Buffer.from('x'), key)).toBe(there.includes(key));
      }),
    );
  });

  it('of many entities comes in parts, none of them left out', () => {
    const roster = new Roster();
    for (let i = 0; i < 40_000; i++) roster.add(`c${i}`);
    const parts = new Map(roster.parts());
    expect([roster.bits, parts.size]).toEqual([3, 8]);
    expect([...parts.values()].reduce((sum, bytes) => sum + bytes.length / 8, 0)).toBe(40_000);
    for (let i = 0; i < 40_000; i += 97) {
      expect(isNamed(parts.get(rosterPart(`c${i}`, 3)) ?? Buffer.from('x'), `c${i}`)).toBe(true);
      expect(isNamed(parts.get(rosterPart(`d${i}`, 3)) ?? Buffer.from('x'), `d${i}`)).toBe(false);
    }
  });

  it('that is damaged says so', () => {
    expect(isNamed(Buffer.from('abc'), 'abc')).toBeUndefined();
    expect([...new Roster().parts()]).toEqual([[0, Buffer.alloc(0)]]);
  });
});
