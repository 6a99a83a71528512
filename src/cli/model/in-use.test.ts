import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Fault, loadModel } from '../../model/cube/index.js';
import { type Emit, localCaller } from '../../query/index.js';
import { type ModelInUse, type ModelState, modelInUse, stateText } from './in-use.js';

const CUBE = `cubes:
  - name: orders
    sql_table: shop.orders
    dimensions:
      - { name: id, sql: "{CUBE}.id", type: number, primary_key: true, meta: { type: bigint } }
    measures:
      - { name: total, sql: "{CUBE}.amount", type: sum, meta: { type: "decimal(18,2)" } }
`;
const VIEW = `views:
  - name: shop
    cubes:
      - { join_path: orders, includes: [total] }
`;

let dir: string;
let inUse: ModelInUse;
let missing: readonly Fault[];
let events: string[];
let states: ModelState[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'assay-in-use-'));
  for (const part of ['cubes', 'views']) await mkdir(join(dir, part));
  await put('cubes/orders.yml', CUBE);
  await put('views/shop.yml', VIEW);
  missing = [];
  events = [];
  states = [];
  inUse = modelInUse({
    dir,
    first: await loadModel(dir),
    prove: async () => missing,
    replaced: async ({ catalogue }) => void events.push(`replaced ${catalogue.members.has('shop.count')}`),
    told: (state) => void states.push(state),
    emit: ((name: string) => void events.push(name)) as Emit,
  });
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const put = (name: string, text: string) => writeFile(join(dir, name), text);
const withCount = async () => {
  await put('cubes/orders.yml', `${CUBE}      - { name: count, type: count }\n`);
  await put('views/shop.yml', VIEW.replace('[total]', '[total, count]'));
};

describe('the model in use', () => {
  it('is replaced as a whole, and who holds the one before keeps it', async () => {
    const before = inUse.current();
    await withCount();
    expect(await inUse.reload()).toBe(true);
    expect(before.catalogue.members.has('shop.count')).toBe(false);
    expect(before.accessOf(localCaller(['any'])).members('shop')).toEqual(['shop.total']);
    expect(
      inUse
        .current()
        .accessOf(localCaller(['any']))
        .members('shop'),
    ).toEqual(['shop.total', 'shop.count']);
    expect(events).toEqual(['model.replaced', 'replaced true']);
    expect(await inUse.reload()).toBe(false);
  });
  it('stays when the files are broken, and every fault is told', async () => {
    const { version } = inUse.state();
    await put('cubes/orders.yml', CUBE.replace('type: sum', 'type: summ').replace('sql_table', 'sql_tabel'));
    await expect(inUse.reload()).rejects.toThrow(
      /^cubes\/orders\.yml:3: orders: there is no key sql_tabel .* \(and 1 more/,
    );
    expect(inUse.current().catalogue.version).toBe(version);
    expect(inUse.state()).toMatchObject({ version, attempt: 1, refused: [{ line: 3 }, { line: 7 }] });
    expect(stateText(inUse.state())).toBe(
      `version ${version}; newer files are refused for 2 faults; \`assay status\` names them`,
    );
    expect(events).toEqual(['model.refused']);
    // mended as it was: nothing is replaced, and nothing is refused any more
    await put('cubes/orders.yml', CUBE);
    expect(await inUse.reload()).toBe(false);
    expect(stateText(inUse.state())).toBe(`version ${version}`);
    expect(states.at(-1)).toEqual({ version, attempt: 2, reading: false });
  });
  it('stays when the warehouse lacks what the files name, until it has that', async () => {
    await withCount();
    missing = [{ file: 'cubes/orders.yml', line: 8, what: 'orders.count: its SQL names a column that is not there' }];
    await expect(inUse.reload()).rejects.toThrow(/orders\.count: its SQL names a column/);
    expect(inUse.current().catalogue.members.has('shop.count')).toBe(false);
    missing = [];
    expect(await inUse.reload()).toBe(true);
  });
  it('is told to name what is not there, and goes on', async () => {
    missing = [{ file: 'cubes/orders.yml', line: 3, what: 'orders: it reads a table that is not there' }];
    await inUse.prove();
    expect(inUse.state()).toMatchObject({ missing });
    expect(events).toEqual(['model.missing']);
    missing = [];
    await inUse.prove();
    expect(inUse.state().missing).toBeUndefined();
  });
  it('is read once after the other, also when many ask', async () => {
    await withCount();
    expect(await Promise.all([inUse.reload(), inUse.reload(), inUse.reload()])).toEqual([true, false, false]);
    expect(inUse.state().attempt).toBe(3);
  });
});
