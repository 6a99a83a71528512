import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Caller, type LegFilter, localCaller } from '../../query/index.js';
import { accessOf } from '../policy/index.js';
import { DeclaredNames } from './declared-names.js';
import { cube } from './door.js';
import { type LoadedModel, loadModel } from './index.js';
import { readModelFiles } from './model-files.js';
import type { Compilers } from './parts.js';
import { type Builders, plainTemplate } from './plain-template.js';

const DIR = resolve(import.meta.dirname, '../../../model');
const require = createRequire(import.meta.url);

const refuse = (fault: unknown) => {
  throw fault;
};

interface Api {
  getCompilers(): Promise<Compilers>;
  applyRowLevelSecurity(
    query: object,
    evaluated: object,
    context: object,
  ): Promise<{ query: { filters?: unknown[] }; denied: boolean }>;
}

/** Cube's own CompilerApi as it comes, but for the native add-on, which is not installed. */
const cubeApi = async (): Promise<Api> => {
  cube();
  const { CompilerApi } = require('@cubejs-backend/server-core/dist/src/core/CompilerApi') as {
    CompilerApi: new (repository: object, type: () => Promise<string>, options: object) => Api;
  };
  const texts = new Map<string, string>();
  class Plain extends CompilerApi {
    createNativeInstance() {
      return {
        newJinjaEngine: () => ({
          loadTemplate: (name: string, text: string) => void texts.set(name, text),
          renderTemplate: (name: string) => texts.get(name),
        }),
        loadPythonContext: () => ({}),
      };
    }
  }
  const files = await readModelFiles(DIR, refuse);
  return new Plain({ localPath: () => DIR, dataSchemaFiles: async () => files }, async () => 'postgres', {
    allowNodeRequire: false,
    compileContext: {},
    logger: () => {},
    contextToGroups: (context: { securityContext: { groups: string[] } }) => context.securityContext.groups,
  });
};

describe('Cube, as packaged', () => {
  let api: Api;
  let model: LoadedModel;
  beforeAll(async () => {
    api = await cubeApi();
    model = await loadModel(DIR);
  });

  it('compiles the model to the same as we do without its workers', async () => {
    const theirs = await api.getCompilers();
    const files = await readModelFiles(DIR, refuse);
    const names = new DeclaredNames(files);
    const ours = await cube().compile(files, (owner, name) => names.begins(owner, name));
    const configs = (c: Compilers) => c.metaTransformer.cubes.map((m) => m.config);
    expect(JSON.stringify(configs(ours))).toBe(JSON.stringify(configs(theirs)));
    const sources = (c: Compilers) =>
      c.metaTransformer.cubes.flatMap(({ config }) =>
        [...config.measures, ...config.dimensions].map((m) => [
          m.name,
          String(c.cubeEvaluator.byPathAnyType(m.name).sql),
        ]),
      );
    expect(sources(ours)).toEqual(sources(theirs));
    const rest = (c: Compilers) => [
      Object.entries(c.joinGraph.edges).map(([key, { join }]) => [key, String(join.sql)]),
      c.cubeEvaluator.preAggregations({}).map(({ id, references }) => [id, references]),
      c.cubeEvaluator.cubeNames().map((name) => {
        const { sqlTable, accessPolicy, includedMembers, joinMap } = c.cubeEvaluator.cubeFromPath(name);
        const rules = JSON.stringify(accessPolicy, (_, v) => (typeof v === 'function' ? String(v) : v));
        return [name, String(sqlTable), rules, includedMembers, joinMap];
      }),
    ];
    expect(rest(ours)).toEqual(rest(theirs));
  });
  it.each([
    'f"Orders of the day"',
    'f"{CUBE}.amount"',
    'f"{CUBE}.a + {customers.country} - {other.sql()}"',
    `f"{products.line_type} = 'product' AND {CUBE}.x <> 'it''s'"`,
    'f"first\n  second {CUBE}.x\n"',
    'f"100 % of it; über #1 @ [x] (y) ~ ^ & | * + = < > ? ! : , . /"',
    'f" {CUBE.sold_at.day} "',
    'f"where x in (1, 2) -- as if not None"',
    'net_revenue',
    'countries.region.x',
    'f"{x.from}"',
    'True',
    'f"{ CUBE }.x"',
    'f"a $ sign"',
  ])('reads %j as its parser does, or leaves it to that', (code) => {
    cube();
    const near = createRequire(require.resolve('@cubejs-backend/schema-compiler'));
    const { default: print } = near('@babel/generator') as { default: (tree: object) => { code: string } };
    const { PythonParser } = require('@cubejs-backend/schema-compiler/dist/src/parser/PythonParser.js') as {
      PythonParser: new (code: string) => { transpileToJs(): object };
    };
    const ours = plainTemplate(near('@babel/types') as Builders, code);
    if (/from|True|\$|\{ /.test(code)) expect(ours).toBeUndefined();
    else expect(print(ours as object).code).toBe(print(new PythonParser(code).transpileToJs()).code);
  });
  it('has the parts that we read', async () => {
    const { cubeEvaluator, joinGraph, metaTransformer } = await api.getCompilers();
    expect(joinGraph.edges['sales-customers']).toMatchObject({
      from: 'sales',
      to: 'customers',
      join: { relationship: 'belongsTo' },
    });
    expect(cubeEvaluator.cubeFromPath('retail')).toMatchObject({ isView: true, fileName: 'views/retail.yml' });
    expect(cubeEvaluator.cubeFromPath('sales').accessPolicy?.[1]).toMatchObject({
      group: 'country_manager',
      rowLevel: { filters: [{ memberReference: 'sales.country', operator: 'equals', values: expect.any(Function) }] },
    });
    expect(cubeEvaluator.byPathAnyType('retail.country')).toMatchObject({
      aliasMember: 'countries.country_name',
      type: 'string',
    });
    expect(metaTransformer.cubes.map((c) => c.config.type)).toContain('view');
    expect(cubeEvaluator.preAggregations({})[0]).toMatchObject({
      id: 'sales.by_category',
      references: { timeDimensions: [{ dimension: 'sales.sold_at', granularity: 'day' }] },
    });
  });

  // a second opinion on row rules: where both say something it is the same; the differences are Cube's known faults
  const theirs = async (
    members: { measures?: string[]; dimensions?: string[] },
    groups: string[],
    attributes: object,
  ) => {
    const query = {
      measures: [],
      dimensions: [],
      timeDimensions: [],
      filters: [],
      order: [],
      timezone: 'UTC',
      ...members,
    };
    const context = { securityContext: { groups, ...attributes } };
    const { query: ruled, denied } = await api.applyRowLevelSecurity(
      structuredClone(query),
      structuredClone(query),
      context,
    );
    return { filters: JSON.stringify(ruled.filters ?? []), denied };
  };
  const ours = (
    members: readonly string[],
    cubes: readonly string[],
    groups: string[],
    attributes: Caller['attributes'],
  ) => accessOf(model.catalogue, { ...localCaller(groups), attributes }).rules(cubes, members);

  it('agrees on rules of members in use', async () => {
    const attributes = { countries: ['Germany'] };
    const cubeSays = await theirs({ measures: ['retail.net_revenue'] }, ['country_manager'], attributes);
    expect(cubeSays.denied).toBe(false);
    expect(cubeSays.filters).toContain('"sales.country"');
    expect(cubeSays.filters).toContain('Germany');
    const weSay = ours(['retail.net_revenue'], ['sales'], ['country_manager'], attributes).filters;
    expect(weSay).toEqual<LegFilter[]>([
      { member: 'countries.country_name', op: 'in', values: ['Germany'], raw: true },
    ]);
    expect((await theirs({ measures: ['retail.net_revenue'] }, ['admin'], {})).filters).toBe('[]');
    expect(ours(['retail.net_revenue'], ['sales'], ['admin'], {}).filters).toEqual([]);
  });
  it('differs where only a joined table is restricted: Cube leaves the rule of the root out', async () => {
    const attributes = { countries: ['Germany'] };
    const cubeSays = await theirs({ dimensions: ['retail.product'] }, ['country_manager'], attributes);
    expect(cubeSays.filters).not.toContain('sales.country');
    expect(ours(['retail.product'], ['sales', 'products'], ['country_manager'], attributes).filters).toHaveLength(1);
  });
});
