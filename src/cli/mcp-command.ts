import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { Command } from 'commander';
import { error } from '../errors/index.js';
import type { Context } from './context.js';
import { readRun } from './home.js';
import { parseJson } from './options.js';

/**
 * `assay mcp`: the Model Context Protocol on standard input and output. It carries messages to the running server and back, so that
 * callers, policies and audit are the server's own. Each message has a token of five minutes.
 */
export const mcpCommand = (
  command: (name: string, description: string) => Command,
  context: (flags: { json?: boolean }) => Context,
  tokenFor: (c: Context, role: string, attributes: Record<string, unknown>) => Promise<string>,
): void => {
  command('mcp', 'serve the Model Context Protocol on stdio, for the running server of this home')
    .option('--role <role>', 'ask as this role', 'data_analyst')
    .option('--attributes <json>', 'attributes that row rules read', '{}')
    .action(async (flags: { role: string; attributes: string; json?: boolean }) => {
      const c = context(flags);
      const attributes = parseJson<Record<string, unknown>>('--attributes', flags.attributes);
      const run = readRun(c.home);
      if (!run) throw error('not-running', { home: c.home.dir });
      const host = run.http.host === '0.0.0.0' ? '127.0.0.1' : run.http.host;
      const server = new StreamableHTTPClientTransport(new URL(`http://${host}:${run.http.port}/mcp`), {
        fetch: async (url, init) => {
          const headers = new Headers(init?.headers);
          headers.set('authorization', `Bearer ${await tokenFor(c, flags.role, attributes)}`);
          return fetch(url, { ...init, headers });
        },
      });
      await carry(new StdioServerTransport(), server as Transport, c.note);
    });
};

/** Messages of each side to the other, until standard input ends. */
const carry = async (near: Transport, far: Transport, note: (text: string) => void): Promise<void> => {
  let waiting = 0;
  let ended = false;
  let done: () => void = () => {};
  const over = new Promise<void>((resolve) => {
    done = resolve;
  });
  const end = () => {
    if (ended && waiting === 0) done();
  };
  near.onmessage = (message) => {
    waiting += 1;
    far
      .send(message)
      .catch((thrown: unknown) => {
        note(`the server did not take a message: ${(thrown as Error).message}`);
        if ('id' in message && 'method' in message)
          return near.send({
            jsonrpc: '2.0',
            id: message.id,
            error: { code: -32_603, message: 'the server did not answer' },
          });
      })
      .finally(() => {
        waiting -= 1;
        end();
      });
  };
  far.onmessage = (message) => void near.send(message);
  near.onclose = () => done();
  process.stdin.once('end', () => {
    ended = true;
    end();
  });
  await far.start();
  await near.start();
  await over;
  await far.close();
  await near.close();
};
