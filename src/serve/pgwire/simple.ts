import { type Classified, readable } from '../../answer/sql/index.js';
import { Reader } from './codec/read.js';
import {
  bindMessage,
  closeMessage,
  describeMessage,
  executeMessage,
  frame,
  parseMessage,
  queryMessage,
} from './codec/write.js';
import type { Extended } from './extended.js';
import type { SessionParts } from './parts.js';
import { positioned } from './reports.js';
import { type Statement, statementOf } from './statement.js';
import { swapIn } from './swap.js';

const NO_VALUES = { portal: '', statement: '', formats: [], values: [], results: [] };

/**
 * A simple query. Without a model statement it is relayed whole. With one, its statements go one by one through the extended
 * protocol with one Sync behind the last: the same implicit transaction (manual, 54.2.2.1). The caller sends the Sync.
 */
export const simpleQuery = async (
  parts: SessionParts,
  extended: Extended,
  payload: Buffer,
): Promise<'relayed' | 'sync'> => {
  const { text, statements, original } = extended.read(new Reader(payload).text());
  extended.refuseDenied(statements);
  const made = statements?.map((s) => statementOf(s, padding(text, s), original)) ?? [];
  const callsModel = (s: Statement) => {
    const node = s.classified?.node;
    return !!node && 'ExecuteStmt' in node && !!extended.statements.get(node.ExecuteStmt.name ?? '')?.model;
  };
  extended.statements.delete('');
  if (!made.some((s) => s.model || callsModel(s))) {
    parts.conversation.send(queryMessage(text), 'query', {
      patch: (p) => positioned(p, original),
      completed: (i) => {
        const classified = statements?.[i];
        if (classified) extended.effect(classified);
      },
    });
    return 'relayed';
  }
  for (const statement of made) {
    const { classified } = statement;
    if (!classified) continue;
    const going = callsModel(statement)
      ? await callOne(parts, extended, statement, classified)
      : statement.model
        ? await modelOne(parts, extended, statement, classified)
        : plainOne(parts, extended, statement, classified);
    if (!going) break;
  }
  return 'sync';
};

/** Blanks for what stands before a statement, so that positions are those of the whole text. */
const padding = (text: string, { at }: Classified): string =>
  Buffer.from(text, 'utf8').subarray(0, at).toString('utf8').replace(/[^\n]/gu, ' ');

const run = (parts: SessionParts, extended: Extended, classified: Classified, original: Statement['original']): void =>
  parts.conversation.send(executeMessage(''), 'execute', {
    patch: (p) => positioned(p, original),
    done: (ok) => {
      if (ok) extended.effect(classified);
    },
  });

const parseOne = ({ conversation }: SessionParts, statement: Statement, { text }: Classified): void =>
  conversation.hidden(parseMessage('', statement.padding + readable(text)), 'parse', {
    patch: (p) => positioned(p, statement.original),
  });

const plainOne = (parts: SessionParts, extended: Extended, statement: Statement, classified: Classified): boolean => {
  const { conversation, show } = parts;
  parseOne(parts, statement, classified);
  conversation.hidden(bindMessage(NO_VALUES), 'bind');
  conversation.hidden(describeMessage('P', ''), 'describe', {
    on: (type, payload) => {
      if (type === 'T') show(frame('T', payload));
    },
  });
  run(parts, extended, classified, statement.original);
  return true;
};

const modelOne = async (
  parts: SessionParts,
  extended: Extended,
  statement: Statement,
  classified: Classified,
): Promise<boolean> => {
  const { conversation, show } = parts;
  parseOne(parts, statement, classified);
  extended.describe(statement, '');
  extended.describeInner(statement);
  if (!(await conversation.drain())) return false;
  const bound = { types: statement.parameters ?? [], formats: [], values: [] };
  const swapped = await swapIn(parts, extended.rewritten, statement, '', bound, []);
  if (swapped === 'failed') return false;
  if (swapped === 'relay') conversation.hidden(bindMessage(NO_VALUES), 'bind');
  if (statement.row && classified.kind !== 'CopyStmt') show(frame('T', statement.row));
  run(parts, extended, classified, statement.original);
  if (statement.rewritten) conversation.hidden(closeMessage('S', statement.rewritten.name), 'close');
  return true;
};

const callOne = async (
  parts: SessionParts,
  extended: Extended,
  statement: Statement,
  classified: Classified,
): Promise<boolean> => {
  const { conversation, show } = parts;
  const name = 'ExecuteStmt' in classified.node ? (classified.node.ExecuteStmt.name ?? '') : '';
  if (!(await extended.callPrepared(classified, '', []))) {
    if (conversation.skipping) return false;
    return plainOne(parts, extended, statementOf(classified, '', statement.original), classified);
  }
  const row = extended.statements.get(name)?.row;
  if (row) show(frame('T', row));
  run(parts, extended, classified, statement.original);
  return true;
};
