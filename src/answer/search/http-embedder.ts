import { error } from '../../errors/index.js';
import { type Embedder, unit } from './embedder.js';

export interface HttpEmbedderOptions {
  /** Base URL of an API of OpenAI's shape; `/embeddings` is added. */
  readonly url: string;
  readonly model: string;
  readonly key: string | undefined;
  readonly fetch?: typeof fetch;
}

const BATCH = 64;
const MILLISECONDS = 30_000;

/** An embedding model behind HTTP, asked as OpenAI's is. Errors: `embedder-failed`. */
export const httpEmbedder = (options: HttpEmbedderOptions): Embedder => {
  const { url, model, key, fetch: get = fetch } = options;
  const failed = (why: unknown) => error('embedder-failed', { embedder: `${model} of ASSAY_EMBEDDER` }, why);
  const ask = async (input: readonly string[], signal?: AbortSignal): Promise<readonly Float32Array[]> => {
    const timeout = AbortSignal.timeout(MILLISECONDS);
    let body: unknown;
    try {
      const response = await get(`${url.replace(/\/+$/, '')}/embeddings`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        },
        body: JSON.stringify({ model, input, encoding_format: 'float' }),
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      });
      if (!response.ok) throw failed(`status ${response.status}`);
      body = await response.json();
    } catch (thrown) {
      signal?.throwIfAborted();
      throw failed(thrown);
    }
    const data = (body as { data?: { index?: number; embedding?: number[] }[] }).data ?? [];
    const vectors = [...data].sort((a, b) => (a.index ?? 0) - (b.index ?? 0)).map((d) => unit(d.embedding ?? []));
    if (vectors.length !== input.length || vectors.some((v) => v.length === 0 || !v.every(Number.isFinite)))
      throw failed('its answer does not hold one vector for each text');
    return vectors;
  };
  let known: number | undefined;
  const dims = async () => {
    const [first] = known === undefined ? await ask(['dimensions']) : [];
    known ??= first?.length ?? 0;
    return known;
  };
  return {
    id: `http-${model}`,
    version: '1',
    dims,
    embed: async (texts, signal) => {
      const wanted = await dims();
      const vectors: Float32Array[] = [];
      for (let i = 0; i < texts.length; i += BATCH) vectors.push(...(await ask(texts.slice(i, i + BATCH), signal)));
      if (vectors.some((v) => v.length !== wanted)) throw failed('its vectors changed their length');
      return vectors;
    },
    close: async () => {},
  };
};
