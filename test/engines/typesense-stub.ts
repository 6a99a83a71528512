import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { violations } from './typesense-contract.js';

interface Doc {
  readonly id: string;
  readonly part: string;
  readonly words: readonly string[];
  readonly vector?: readonly number[];
}
interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
}
type Search = Readonly<Record<string, string | number>>;

/** As much of Typesense as search uses, in memory. Each request and each answer is held against the description of its API. */
export interface TypesenseStub {
  readonly url: string;
  readonly key: string;
  readonly searchKey: string;
  readonly collections: Map<string, Map<string, Doc>>;
  readonly requests: Exchange[];
  /** What was not as described, of all exchanges so far. */
  readonly wrong: string[];
  /** Changes a search's answer, or ends the connection: what a broken or hostile server would do. */
  readonly mischief: {
    result?: (result: Record<string, unknown>, search: Search) => Record<string, unknown>;
    /** Imports after so many are cut off. */
    importsLeft?: number;
    status?: number;
  };
  close(): Promise<void>;
}

const listIn = (filter: string, field: string): readonly string[] | undefined =>
  new RegExp(`${field}:=\\[([^\\]]*)\\]`)
    .exec(filter)?.[1]
    ?.split(',')
    .map((t) => t.replaceAll('`', ''));

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);

/** Documents of one search, best first, with their distance where it compares vectors. */
const matches = (docs: readonly Doc[], search: Search): { doc: Doc; distance?: number; score: number }[] => {
  const filter = String(search['filter_by']);
  const parts = listIn(filter, 'part');
  const terms = listIn(filter, 'words');
  const left = docs.filter(
    (d) => (!parts || parts.includes(d.part)) && (!terms || d.words.some((w) => terms.includes(w))),
  );
  const vector = /\(\[([^\]]*)\], k:(\d+)/.exec(String(search['vector_query'] ?? ''));
  if (vector) {
    const asked = (vector[1] ?? '').split(',').map(Number);
    return left
      .map((doc) => ({ doc, distance: 1 - dot(asked, doc.vector ?? []), score: 0 }))
      .sort((a, b) => a.distance - b.distance)
      .slice(0, Number(vector[2]));
  }
  const asked = String(search['q']) === '*' ? [] : String(search['q']).split(' ');
  return left
    .map((doc) => ({ doc, score: asked.filter((w) => doc.words.includes(w)).length }))
    .filter(({ score }) => asked.length === 0 || score > 0)
    .sort((a, b) => b.score - a.score);
};

const resultOf = (docs: readonly Doc[], search: Search): Record<string, unknown> => {
  const found = matches(docs, search);
  const facet = search['facet_by'] as string | undefined;
  const counts = new Map<string, number>();
  if (facet) for (const { doc } of found) counts.set(doc.part, (counts.get(doc.part) ?? 0) + 1);
  return {
    facet_counts: facet
      ? [
          {
            field_name: facet,
            sampled: false,
            counts: [...counts].map(([value, count]) => ({ value, count, highlighted: value })),
          },
        ]
      : [],
    found: found.length,
    out_of: docs.length,
    page: 1,
    search_time_ms: 0,
    search_cutoff: false,
    hits: found.slice(0, Number(search['per_page'] ?? 10)).map(({ doc, distance }) => ({
      document: { id: doc.id },
      highlight: {},
      highlights: [],
      ...(distance === undefined ? { text_match: 1 } : { vector_distance: distance }),
    })),
  };
};

export const typesenseStub = async (): Promise<TypesenseStub> => {
  const [key, searchKey] = ['stub-admin-key', 'stub-search-key'];
  const collections: TypesenseStub['collections'] = new Map();
  const requests: Exchange[] = [];
  const wrong: string[] = [];
  const mischief: TypesenseStub['mischief'] = {};
  const described = new Map<string, object>();

  const handle = (method: string, path: string, query: Record<string, string>, body: unknown): [number, unknown] => {
    if (path === '/health') return [200, { ok: true }];
    if (path === '/collections' && method === 'GET') return [200, [...described.values()]];
    if (path === '/collections') {
      const made = body as { name: string };
      if (collections.has(made.name)) return [409, { message: 'there is one' }];
      collections.set(made.name, new Map());
      described.set(made.name, { ...made, num_documents: 0, created_at: 0 });
      return [201, described.get(made.name)];
    }
    if (path === '/multi_search') {
      const { searches } = body as { searches: Search[] };
      const results = searches.map((s) => {
        const docs = collections.get(String(s['collection']));
        if (!docs) return { code: 404, error: 'Not found.' };
        const result = resultOf([...docs.values()], s);
        return mischief.result ? mischief.result(result, s) : result;
      });
      return [200, { results }];
    }
    const [, , name = '', , action] = path.split('/');
    const docs = collections.get(decodeURIComponent(name));
    if (!docs) return [404, { message: 'Not Found' }];
    if (action === 'import') {
      const lines = String(body).split('\n');
      for (const line of lines) {
        const doc = JSON.parse(line) as Doc;
        docs.set(doc.id, doc);
      }
      return [200, lines.map(() => '{"success":true}').join('\n')];
    }
    if (method === 'DELETE') {
      const gone = listIn(query['filter_by'] ?? '', 'part') ?? [];
      let n = 0;
      for (const [id, doc] of docs) if (gone.includes(doc.part) && docs.delete(id)) n++;
      return [200, { num_deleted: n }];
    }
    return [200, described.get(decodeURIComponent(name))];
  };

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (c: Buffer) => chunks.push(c));
    request.on('end', () => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://stub');
      const method = request.method ?? 'GET';
      const text = Buffer.concat(chunks).toString();
      const imports = pathname.endsWith('/import');
      const body = text === '' ? undefined : imports ? text : (JSON.parse(text) as unknown);
      const query = Object.fromEntries(searchParams);
      requests.push({ method, path: pathname, headers: request.headers, body });
      if (imports && mischief.importsLeft !== undefined && mischief.importsLeft-- <= 0)
        return void request.socket.destroy();
      const open = pathname === '/health' || request.headers['x-typesense-api-key'] === key;
      const [status, answer] = mischief.status
        ? [mischief.status, { message: 'secret words of the server' }]
        : open
          ? handle(method, pathname, query, body)
          : [401, { message: 'Forbidden - a valid `x-typesense-api-key` header must be sent.' }];
      if (status < 400) wrong.push(...violations({ method, path: pathname, query, body, status, answer }));
      const plain = typeof answer === 'string';
      response.writeHead(status, { 'content-type': plain ? 'text/plain' : 'application/json' });
      response.end(plain ? answer : JSON.stringify(answer));
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    key,
    searchKey,
    collections,
    requests,
    wrong,
    mischief,
    close: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
};
