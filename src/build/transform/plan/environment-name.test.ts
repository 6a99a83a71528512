import { describe, expect, it } from 'vitest';
import { environmentName } from './environment-name.js';

describe('the name of an environment', () => {
  it.each(['prod', 'pr_17', 'a', `a${'b'.repeat(40)}`])('may be %s', (name) => {
    expect(environmentName(name)).toBe(name);
  });
  it.each([
    '',
    'PR_17',
    'pr-17',
    '17',
    '_pr',
    'pr 17',
    'pr"; DROP SCHEMA gold',
    'prüfung',
    'pr\n',
    `a${'b'.repeat(41)}`,
  ])('may not be %j', (name) => {
    expect(() => environmentName(name)).toThrowError(
      expect.objectContaining({ code: 'environment-invalid', hint: expect.stringContaining('small letter') }),
    );
  });
});
