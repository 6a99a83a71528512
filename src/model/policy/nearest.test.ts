import { expect, it } from 'vitest';
import { nearest } from './nearest.js';

const NAMES = ['retail', 'retail.net_revenue', 'retail.gross_revenue', 'retail.country', 'inventory.days'];
it.each([
  ['retail.net_revnue', 'retail.net_revenue'],
  ['retail.contry', 'retail.country'],
  ['Retail.Country', 'retail.country'],
  ['sales.net_revenue', 'retail.net_revenue'],
  ['net_revenu', 'retail.net_revenue'],
  ['retial', 'retail'],
  ['retail.zzz', undefined],
  ['', undefined],
])('%s suggests %s', (wrong, expected) => expect(nearest(wrong, NAMES)).toBe(expected));
