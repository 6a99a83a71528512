import type { QuestionAnswer, QuestionRequest, SearchAnswer, SearchRequest } from '../answer/search/index.js';
import { error } from '../errors/index.js';
import type { Explanation, MetricQuery, RollupSpec } from '../query/index.js';
import type { RunFile } from './home.js';
import type { PlainAnswer } from './print.js';

/** Asks the running server, as any client would. Errors: the server's own text as `usage`-like refusals, exit code 1. */
const post = async (run: RunFile, token: string, path: string, body: unknown): Promise<unknown> => {
  const host = run.http.host === '0.0.0.0' ? '127.0.0.1' : run.http.host;
  const response = await fetch(`http://${host}:${run.http.port}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return told(response);
};

/** Reads from the running server. Errors: as `post`. */
const read = async (run: RunFile, token: string, path: string): Promise<unknown> => {
  const host = run.http.host === '0.0.0.0' ? '127.0.0.1' : run.http.host;
  return told(await fetch(`http://${host}:${run.http.port}${path}`, { headers: { authorization: `Bearer ${token}` } }));
};

const told = async (response: Response): Promise<unknown> => {
  const answer = (await response.json()) as { code?: string; detail?: string; hint?: string };
  if (!response.ok)
    throw error('server-refused', {
      code: answer.code ?? 'internal',
      detail: answer.detail ?? `status ${response.status}`,
      ...(answer.hint ? { hint: answer.hint } : {}),
    });
  return answer;
};

export const searchServer = async (run: RunFile, token: string, request: SearchRequest): Promise<SearchAnswer> =>
  (await read(
    run,
    token,
    `/api/v2/search?${new URLSearchParams(Object.entries(request).map(([k, v]) => [k, String(v)]))}`,
  )) as SearchAnswer;

export const proposeServer = async (run: RunFile, token: string, request: QuestionRequest): Promise<QuestionAnswer> =>
  (await read(
    run,
    token,
    `/api/v2/ask?${new URLSearchParams({ q: request.q, ...(request.today === undefined ? {} : { today: request.today }) })}`,
  )) as QuestionAnswer;

export const queryServer = async (run: RunFile, token: string, query: MetricQuery): Promise<PlainAnswer> =>
  (await post(run, token, '/api/v2/query', query)) as PlainAnswer;

export const explainServer = async (
  run: RunFile,
  token: string,
  query: MetricQuery,
  hypothetical?: RollupSpec,
): Promise<Explanation> =>
  (await post(run, token, '/api/v2/explain', hypothetical ? { ...query, hypothetical } : query)) as Explanation;

/** Asks a route of features of the running server. */
export const featuresServer = (run: RunFile, token: string, route: string, body: unknown): Promise<unknown> =>
  post(run, token, `/api/v2/features/${route}`, body);

/** Reads a route of features of the running server, `/freshness` and so on. */
export const featuresOfServer = (run: RunFile, token: string, route: string): Promise<unknown> =>
  read(run, token, `/api/v2/features${route}`);
