import { open, rename, rm } from 'node:fs/promises';
import { AssayError, error } from '../../errors/index.js';
import {
  type DemoCustomer,
  type DemoProduct,
  demoCountry,
  demoCustomers,
  demoProducts,
  MARK,
} from './demo-catalogue.js';
import { Random } from './random.js';
import { SOURCES } from './sources.js';

export { SYNTHETIC } from './demo-catalogue.js';

export interface DemoRows {
  /** CSV records to write, without the header. */
  readonly rows: number;
  /** The same seed and count give the same bytes. */
  readonly seed: number;
  /** File to write; replaced in one step when all is written. */
  readonly out: string;
  readonly signal?: AbortSignal;
}

const FIRST_DAY = Date.UTC(2010, 11, 1);
const DAYS = 374;
const DAY = 86_400_000;
/** Share of a day's trade by month, January first: a gift shop lives from September to December. */
const SEASON = [0.7, 0.6, 0.8, 0.7, 0.85, 0.8, 0.8, 0.8, 1.2, 1.35, 1.8, 1.4];
/** Sunday first; closed on Saturdays. */
const WEEK = [0.6, 1, 1.1, 1.05, 1.15, 0.9, 0];
const WITHOUT_CUSTOMER = 0.25;
const TWICE = 0.01;
const SERVICES: readonly (readonly [string, string, number])[] = [
  ['POST', `POSTAGE${MARK}`, 1800],
  ['DOT', `DOTCOM POSTAGE${MARK}`, 18_000],
  ['M', `Manual${MARK}`, 1500],
  ['C2', `CARRIAGE${MARK}`, 5000],
];

/** How many rows each day has; they add up to all. */
const rowsByDay = (random: Random, rows: number): number[] => {
  const weights = Array.from({ length: DAYS }, (_, i) => {
    const day = new Date(FIRST_DAY + i * DAY);
    const growth = 1 + (0.25 * i) / DAYS;
    return (SEASON[day.getUTCMonth()] ?? 1) * (WEEK[day.getUTCDay()] ?? 1) * growth * (0.8 + 0.4 * random.real());
  });
  const total = weights.reduce((a, b) => a + b, 0);
  let before = 0;
  let sum = 0;
  return weights.map((weight) => {
    sum += weight;
    const upTo = Math.round((rows * sum) / total);
    const count = upTo - before;
    before = upTo;
    return count;
  });
};

const money = (pence: number): string => {
  const text = (pence / 100).toFixed(2).replace(/0$/, '').replace(/\.0$/, '');
  return text;
};

interface World {
  readonly random: Random;
  readonly products: readonly DemoProduct[];
  readonly customers: readonly DemoCustomer[];
}

/** One invoice's lines: at most `most`. */
function* invoice(world: World, number: number, time: number, most: number): Generator<string> {
  const { random, products, customers } = world;
  const day = new Date(time);
  const date = `${day.getUTCMonth() + 1}/${day.getUTCDate()}/${String(day.getUTCFullYear()).slice(2)}`;
  const clock = `${day.getUTCHours()}:${String(day.getUTCMinutes()).padStart(2, '0')}`;
  const isReturn = random.chance(0.16);
  const anonymous = !isReturn && random.chance(WITHOUT_CUSTOMER * 0.4);
  const customer = customers[random.skewed(customers.length, 1.8)];
  const country = anonymous ? (random.chance(0.97) ? 'United Kingdom' : demoCountry(random)) : customer?.country;
  const tail = `${anonymous ? '' : (customer?.id ?? '')},${country ?? ''}`;
  // Invoices without a customer are long (a shop's day in one), so few of them hold a quarter of all lines.
  const length = isReturn ? 1 + random.below(3) : 1 + random.skewed(anonymous ? 110 : 50, 1.6);
  const name = `${isReturn ? 'C' : ''}${number}`;
  const line = (code: string, description: string, quantity: number, price: string) =>
    `${name},${code},${description},${quantity},${date} ${clock},${price},${tail}\n`;
  let written = 0;
  while (written < length && written < most) {
    written += 1;
    if (random.chance(0.004)) {
      const [code, description, price] = SERVICES[random.skewed(SERVICES.length, 2)] ?? ['M', '', 1];
      yield line(code, description, isReturn ? -1 : 1, money(price * (1 + random.below(4))));
      continue;
    }
    const product = products[random.skewed(products.length, 2.2)];
    if (!product) continue;
    if (!isReturn && random.chance(0.005)) {
      yield line(product.code, random.chance(0.6) ? '' : product.description, 1 + random.below(20), '0');
      continue;
    }
    const many = random.chance(0.06) ? 48 + random.skewed(600, 3) : 1 + random.skewed(24, 1.7);
    const text = line(product.code, product.description, isReturn ? -many : many, money(product.price));
    yield text;
    if (written < length && written < most && random.chance(TWICE)) {
      written += 1;
      yield text;
    }
  }
}

/** All lines in the order of time; the first row always carries the mark. */
function* lines(rows: number, seed: number): Generator<string> {
  const random = new Random(seed);
  const world: World = {
    random,
    products: demoProducts(random, Math.max(40, Math.min(4000, Math.round(rows / 10)))),
    customers: demoCustomers(random, Math.max(20, Math.min(100_000, Math.round(rows / 124)))),
  };
  yield `${SOURCES.get('online_retail')?.columns.join(',') ?? ''}\n`;
  if (rows === 0) return;
  const first = world.products[0];
  let number = 536_365;
  let left = 0;
  yield `${number},${first?.code ?? ''},${first?.description ?? ''},1,12/1/10 8:00,1.25,,United Kingdom\n`;
  const quotas = rowsByDay(random, rows - 1);
  for (const [index, quota] of quotas.entries()) {
    left = quota;
    const begin = FIRST_DAY + index * DAY + 8 * 3_600_000;
    while (left > 0) {
      number += 1;
      const done = 1 - left / quota;
      const time = begin + Math.floor(done * 600) * 60_000;
      for (const text of invoice(world, number, time, left)) {
        left -= 1;
        yield text;
      }
    }
  }
}

const failed = (file: string, thrown: unknown) => {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown';
  return code === 'ENOSPC'
    ? error('disk-full', { path: file }, thrown)
    : error('file-unwritable', { file, why: code }, thrown);
};

/**
 * Writes a file of the online-retail shape with made-up contents (skew, seasons, returns, missing customers), a piece at a time.
 * Every description ends with `(SYNTHETIC)`. Errors: `file-unwritable`, `disk-full`, `cancelled`.
 */
export const demoRows = async (demo: DemoRows): Promise<{ readonly rows: number; readonly bytes: number }> => {
  const temporary = `${demo.out}.part`;
  let bytes = 0;
  let count = -1;
  try {
    const handle = await open(temporary, 'w');
    try {
      let held: string[] = [];
      const flush = async () => {
        if (demo.signal?.aborted) throw error('cancelled', {});
        const piece = Buffer.from(held.join(''));
        held = [];
        bytes += piece.length;
        await handle.appendFile(piece);
      };
      for (const text of lines(demo.rows, demo.seed)) {
        held.push(text);
        count += 1;
        if (held.length >= 10_000) await flush();
      }
      await flush();
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, demo.out);
    return { rows: count, bytes };
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw thrown instanceof AssayError ? thrown : failed(demo.out, thrown);
  }
};
