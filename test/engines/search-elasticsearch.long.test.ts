import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { elasticsearchEngine } from '../../src/answer/search/engines/elasticsearch-engine.js';
import {
  type ElasticsearchNode,
  hasElasticsearch,
  NO_ELASTICSEARCH,
  startElasticsearch,
} from './elasticsearch-node.js';
import { engineContract } from './search-contract.js';

let node: ElasticsearchNode | undefined;
beforeAll(async () => {
  if (hasElasticsearch) node = await startElasticsearch();
}, 300_000);
afterAll(() => node?.close());

if (hasElasticsearch) engineContract('Elasticsearch', async () => elasticsearchEngine({ url: node?.url ?? '' }));
else it('Elasticsearch', ({ skip }) => skip(NO_ELASTICSEARCH));
const url = process.env['ASSAY_ELASTICSEARCH_URL'];
if (url)
  engineContract('the Elasticsearch of ASSAY_ELASTICSEARCH_URL', async () =>
    elasticsearchEngine({ url, key: process.env['ASSAY_ELASTICSEARCH_KEY'] }),
  );

/** A server that answers everything alike. */
const answering = async (status: number, headers: Record<string, string>, body: object) => {
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(JSON.stringify(body));
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
};
const ELASTIC = { 'x-elastic-product': 'Elasticsearch' };

describe('Elasticsearch', () => {
  it.each([
    ['another product', 200, {}, { version: { number: '9.1.0' } }, /is not Elasticsearch/],
    ['a server of version 8', 200, ELASTIC, { version: { number: '8.19.2' } }, /of version 8\.19\.2/],
    [
      'a server of version 8 that refuses the client’s media type',
      400,
      ELASTIC,
      {
        error: { type: 'media_type_header_exception', reason: 'Invalid media-type value on headers [Accept]' },
        status: 400,
      },
      /older than version 9/,
    ],
    ['a key that is refused', 401, ELASTIC, { error: { reason: 'secret words' }, status: 401 }, /refuses the key/],
    ['a broken server', 500, ELASTIC, { error: { reason: 'secret words' }, status: 500 }, /status 500/],
  ])('says that it is %s', async (_case, status, headers, body, message) => {
    const server = await answering(status, headers as Record<string, string>, body);
    const engine = elasticsearchEngine({ url: server.url });
    const thrown = (await engine.check().catch((e: unknown) => e)) as { code: string; message: string };
    expect(thrown.code).toBe('search-unavailable');
    expect(thrown.message).toMatch(message);
    expect(thrown.message).not.toMatch(/secret words|127\.0\.0\.1/);
    await engine.close();
    server.close();
  });

  it('takes an answer of which shards are missing for none', async () => {
    const shards = { total: 2, successful: 1, skipped: 0, failed: 1 };
    const one = {
      took: 1,
      timed_out: false,
      _shards: shards,
      hits: { total: { value: 0, relation: 'eq' }, hits: [] },
      status: 200,
    };
    const server = await answering(200, ELASTIC, { took: 1, responses: [one, one, one] });
    const engine = elasticsearchEngine({ url: server.url });
    const question = { words: [{ terms: ['a'], weight: 1 }], grams: ['_a_'], vector: undefined, most: 10 };
    await expect(engine.find(undefined, ['p'], question)).rejects.toMatchObject({ code: 'search-unavailable' });
    await engine.close();
    server.close();
  });
});
