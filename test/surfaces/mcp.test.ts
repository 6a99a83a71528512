import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { describe, expect, inject, it } from 'vitest';
import { cleanEnv, type Product, type Role, root } from '../product.js';
import { mcpClient } from './ask.js';

const product = inject('product');
const ROLES: readonly Role[] = ['data_analyst', 'data_engineer', 'admin', 'country_manager'];

interface Told {
  readonly failed: boolean;
  readonly text: string;
  readonly body: Record<string, unknown> & { readonly rows?: unknown[][]; readonly code?: string };
}
const call = async (client: Client, name: string, given: Record<string, unknown>): Promise<Told> => {
  const result = await client.callTool({ name, arguments: given });
  const [first] = result.content as { type: string; text: string }[];
  const text = first?.text ?? '';
  return { failed: result.isError === true, text, body: JSON.parse(text) as Told['body'] };
};
const overHttp = (role: Role): Promise<Client> => mcpClient(product as unknown as Product, role);

describe('the Model Context Protocol', () => {
  it.each(ROLES)('%s lists and calls every tool, under its own policies', async (role) => {
    const client = await overHttp(role);
    const { tools } = await client.listTools();
    expect(tools.map((t) => t.name)).toEqual(['find_members', 'describe', 'query', 'explain', 'values']);
    expect(tools.every((t) => t.annotations?.readOnlyHint === true)).toBe(true);

    const found = await call(client, 'find_members', { q: 'net revenue', kind: 'member', limit: 5 });
    expect((found.body['hits'] as { name: string }[])[0]?.name).toBe('retail.net_revenue');
    const described = await call(client, 'describe', { name: 'retail.net_revenue' });
    expect(described.body).toMatchObject({ kind: 'measure', type: 'decimal(18,2)', unit: 'GBP' });
    const query = {
      measures: ['retail.net_revenue'],
      dimensions: ['retail.country'],
      order: [{ by: 'retail.net_revenue', dir: 'desc' }],
    };
    const rows = await call(client, 'query', query);
    const plan = await call(client, 'explain', query);
    expect(plan.failed).toBe(false);
    expect(plan.body['statements'] !== undefined).toBe(role === 'admin' || role === 'data_engineer');
    const values = await call(client, 'values', { dimension: 'retail.country', contains: 'land' });
    expect(values.failed).toBe(false);

    const views = ((await call(client, 'describe', {})).body['views'] as { name: string }[]).map((v) => v.name);
    // control totals of the sample; a manager has the rows of its own countries only
    if (role !== 'country_manager') {
      expect(rows.body.rows?.[0]).toEqual(['United Kingdom', '432570.00']);
      expect(views).toContain('inventory');
    } else {
      expect(rows.text).not.toContain('United Kingdom');
      expect(values.text).not.toContain('Netherlands');
      expect(views).not.toContain('inventory');
    }
    if (role === 'data_analyst' || role === 'country_manager') {
      expect(views).not.toContain('quality');
      const hidden = await call(client, 'describe', { name: 'quality.failed' });
      const absent = await call(client, 'describe', { name: 'quality.faxled' });
      expect([hidden.failed, hidden.body.code, absent.body.code]).toEqual([true, 'unknown-member', 'unknown-member']);
      expect(hidden.text.replaceAll('quality.failed', 'x').replace(/"requestId":"[^"]*"/, '')).toBe(
        absent.text.replaceAll('quality.faxled', 'x').replace(/"requestId":"[^"]*"/, ''),
      );
      expect((await call(client, 'query', { measures: ['quality.failed'] })).body.code).toBe('unknown-member');
      expect((await call(client, 'find_members', { q: 'failed checks', limit: 100 })).text).not.toContain('quality.');
    }
    if (role === 'data_analyst') {
      const masked = await call(client, 'values', { dimension: 'retail.customer_id', limit: 50 });
      expect(masked.body.rows?.flat().filter((v) => /^\d+$/.test(String(v)))).toEqual([]);
      expect((await call(client, 'values', { dimension: 'retail.invoice' })).body.code).toBe('unknown-member');
    }
    await client.close();
  });

  it('tells mistakes as errors of the catalogue, and rows over the budget as an error', async () => {
    const client = await overHttp('admin');
    expect((await call(client, 'query', { measures: 5 })).body.code).toBe('query-invalid');
    expect((await call(client, 'values', { dimension: 'retail.country', limit: 0 })).body.code).toBe('request-invalid');
    expect((await call(client, 'find_members', {})).body.code).toBe('request-invalid');
    expect((await call(client, 'query', { dimensions: ['retail.product_code'] })).body.code).toBe('budget-exceeded');
    await expect(client.callTool({ name: 'drop_table', arguments: {} })).rejects.toThrow(/there is no tool/);
    await client.close();
  });

  it('wants a token', async () => {
    const answer = await fetch(`${product.http}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
    });
    expect(answer.status).toBe(401);
  });

  it('speaks on standard input and output, too', async () => {
    const client = new Client({ name: 'test', version: '1' });
    await client.connect(
      new StdioClientTransport({
        command: process.execPath,
        args: [join(root, 'bin/assay.js'), 'mcp', '--role', 'data_analyst'],
        env: cleanEnv(product.home),
        stderr: 'inherit',
      }),
    );
    expect((await client.listTools()).tools.length).toBe(5);
    const told = await call(client, 'query', { measures: ['retail.net_revenue'] });
    expect(told.body.rows).toEqual([['475412.72']]);
    await client.close();
  });
});
