import type { Random } from './random.js';

export interface DemoProduct {
  readonly code: string;
  /** As a CSV field, quoted where it must be. */
  readonly description: string;
  /** Pence. */
  readonly price: number;
}
export interface DemoCustomer {
  readonly id: string;
  readonly country: string;
}

/** `source_system` of generated data. */
export const SYNTHETIC = 'synthetic';
/** Ends every generated description, so that no copy of the file can pass for real data. */
export const MARK = ' (SYNTHETIC)';

const COLOURS = [
  'RED',
  'WHITE',
  'PINK',
  'BLUE',
  'GREEN',
  'IVORY',
  'SILVER',
  'BLACK',
  'VINTAGE',
  'RETROSPOT',
  'PAISLEY',
];
const MATERIALS = ['GLASS', 'WOODEN', 'METAL', 'CERAMIC', 'PAPER', 'FELT', 'ENAMEL', 'WICKER', 'ZINC', 'COTTON'];
const THINGS = [
  'LANTERN',
  'T-LIGHT HOLDER',
  'LUNCH BAG',
  'CAKE CASES',
  'HEART DECORATION',
  'TEA TOWEL',
  'MUG',
  'PHOTO FRAME',
  'DOORMAT',
  'ALARM CLOCK',
  'BUNTING',
  'HAND WARMER',
  'CANDLE',
  'STORAGE BOX',
  'WALL ART, SMALL',
  'RULER 12"',
];
const DETAILS = ['', ' LARGE', ' SMALL', ' SET OF 4', ' SET/6', ' PACK OF 12', ' CHRISTMAS', ' SPACEBOY', ' HANGING'];
const PRICES = [29, 42, 55, 65, 85, 125, 145, 165, 195, 210, 255, 295, 375, 425, 495, 595, 795, 995, 1275, 1695, 2495];

export const csvField = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** Products with codes of the source's form: five digits, some with a letter. */
export const demoProducts = (random: Random, count: number): readonly DemoProduct[] => {
  const of = <T>(list: readonly T[]) => list[random.below(list.length)] as T;
  return Array.from({ length: count }, (_, i) => ({
    code: `${10_000 + ((i * 7919) % 80_000)}${random.chance(0.12) ? 'ABCDEFGLPST'.charAt(random.below(11)) : ''}`,
    description: csvField(`${of(COLOURS)} ${of(MATERIALS)} ${of(THINGS)}${of(DETAILS)}${MARK}`),
    price: of(PRICES),
  }));
};

/** Shares of customers by country, in hundredths of a percent; the rest is the United Kingdom. */
const COUNTRIES: readonly (readonly [string, number])[] = [
  ['Germany', 220],
  ['France', 200],
  ['Spain', 70],
  ['Belgium', 58],
  ['Switzerland', 48],
  ['Portugal', 44],
  ['Italy', 34],
  ['Norway', 25],
  ['Netherlands', 22],
  ['EIRE', 20],
  ['Australia', 20],
  ['Japan', 18],
  ['Sweden', 18],
  ['USA', 9],
];

export const demoCountry = (random: Random): string => {
  let at = random.below(10_000);
  for (const [country, share] of COUNTRIES) {
    at -= share;
    if (at < 0) return country;
  }
  return 'United Kingdom';
};

export const demoCustomers = (random: Random, count: number): readonly DemoCustomer[] =>
  Array.from({ length: count }, (_, i) => ({ id: String(12_346 + i), country: demoCountry(random) }));
