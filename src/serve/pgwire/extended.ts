import {
  byteText,
  type Classified,
  classify,
  measuresNamed,
  readable,
  tokensOf,
  withoutDatabase,
} from '../../answer/sql/index.js';
import { error } from '../../errors/index.js';
import { Reader, readBind, readParameterTypes } from './codec/read.js';
import { closeMessage, describeMessage, frame, parseMessage } from './codec/write.js';
import { askInBand } from './in-band.js';
import type { SessionParts } from './parts.js';
import { positioned } from './reports.js';
import { type Portal, preparedBody, type Statement, statementOf } from './statement.js';
import { Rewritten, swapIn } from './swap.js';

const blankBytes = (text: string): string => text.replace(/[\x80-\xbf]/g, '').replace(/[^\n]/g, ' ');

/**
 * The extended protocol (PostgreSQL manual, 54.2.3). The client's Parse, Bind and Describe go to the backend under its own names,
 * so types, error texts and positions are PostgreSQL's; only the first Execute of a portal over the model is swapped.
 */
export class Extended {
  readonly statements = new Map<string, Statement>();
  readonly portals = new Map<string, Portal>();
  readonly rewritten = new Rewritten();
  private readonly databases: readonly string[];

  constructor(private readonly parts: SessionParts) {
    this.databases = [parts.database.database, 'assay'];
  }

  /** The statements of a text, refused kinds included; undefined where only PostgreSQL can say what is wrong. */
  read(sql: string): {
    readonly text: string;
    readonly statements: readonly Classified[] | undefined;
    readonly original: Statement['original'];
  } {
    const { text, original } = measuresNamed(withoutDatabase(sql, this.databases));
    return { text, original, statements: classify(byteText(text), this.parts.database.facade) };
  }

  refuseDenied(statements: readonly Classified[] | undefined): void {
    const denied = statements?.find((s) => s.denied)?.denied;
    if (denied)
      throw error('not-supported', {
        what: `${denied} is not supported`,
        instead: 'sessions read the model, and keep temporary tables',
      });
  }

  parse(payload: Buffer): void {
    const r = new Reader(payload);
    const name = r.text();
    const { text, statements, original } = this.read(r.text());
    this.refuseDenied(statements);
    const only = statements?.length === 1 ? statements[0] : undefined;
    const made = statementOf(only, '', original);
    const statement: Statement = this.callsModel(only) ? { ...made, model: true } : made;
    const before = this.statements.get(name);
    this.statements.set(name, statement);
    this.parts.conversation.send(frame('P', name, text, r.rest), 'parse', {
      patch: (p) => positioned(p, original),
      done: (ok) => {
        if (ok || this.statements.get(name) !== statement) return;
        if (before) this.statements.set(name, before);
        else this.statements.delete(name);
      },
    });
    if (statement.model) this.describe(statement, name);
  }

  /** EXECUTE of a prepared statement over the model. */
  private callsModel(classified: Classified | undefined): boolean {
    const node = classified?.node;
    return !!node && 'ExecuteStmt' in node && !!this.statements.get(node.ExecuteStmt.name ?? '')?.model;
  }

  describe(statement: Statement, name: string): void {
    this.parts.conversation.hidden(describeMessage('S', name), 'describe', {
      on: (type, payload) => {
        if (type === 't') statement.parameters = readParameterTypes(payload);
        else if (type === 'T') statement.row = Buffer.from(payload);
      },
    });
  }

  /** The row of the query inside DECLARE, CREATE TABLE AS and others, which Describe does not tell; errors keep their positions. */
  describeInner(statement: Statement): void {
    const { classified, inner, padding } = statement;
    if (!classified || !inner || classified.kind === 'SelectStmt' || classified.kind === 'ExplainStmt') return;
    const { conversation } = this.parts;
    const pad = padding + blankBytes(classified.text.slice(0, inner[0]));
    const query = pad + readable(classified.text.slice(inner[0], inner[1]));
    conversation.hidden(closeMessage('S', '_assay_i'), 'close'); // an error may have left it
    conversation.hidden(parseMessage('_assay_i', query, statement.parameters ?? []), 'parse', {
      patch: (p) => positioned(p, statement.original),
    });
    conversation.hidden(describeMessage('S', '_assay_i'), 'describe', {
      on: (type, payload) => {
        if (type === 'T') statement.innerRow = Buffer.from(payload);
      },
    });
    conversation.hidden(closeMessage('S', '_assay_i'), 'close');
  }

  bind(payload: Buffer, bytes: Buffer): void {
    const bind = readBind(payload);
    const statement = this.statements.get(bind.statement);
    const before = this.portals.get(bind.portal);
    const values = bind.values.map((v) => v && Buffer.from(v));
    const portal = statement && { ...bind, values, statement, swapped: false };
    if (portal) this.portals.set(bind.portal, portal);
    else this.portals.delete(bind.portal);
    this.parts.conversation.send(bytes, 'bind', {
      done: (ok) => {
        if (ok || this.portals.get(bind.portal) !== portal) return;
        if (before) this.portals.set(bind.portal, before);
        else this.portals.delete(bind.portal);
      },
    });
  }

  close(payload: Buffer, bytes: Buffer): void {
    const r = new Reader(payload);
    const what = String.fromCharCode(r.byte());
    const name = r.text();
    const { conversation } = this.parts;
    if (what === 'S') {
      const rewritten = this.statements.get(name)?.rewritten;
      this.statements.delete(name);
      if (rewritten && this.rewritten.has(rewritten.name))
        conversation.hidden(closeMessage('S', rewritten.name), 'close');
    } else this.portals.delete(name);
    conversation.send(bytes, 'close');
  }

  async execute(payload: Buffer, bytes: Buffer): Promise<void> {
    const { conversation } = this.parts;
    const name = new Reader(payload).text();
    const portal = this.portals.get(name);
    const statement = portal?.statement;
    const run = () =>
      conversation.send(bytes, 'execute', {
        ...(statement && { patch: (p: Buffer) => positioned(p, statement.original) }),
        done: (ok) => {
          if (ok && statement?.classified) this.effect(statement.classified);
        },
      });
    if (!portal || !statement?.model || portal.swapped) return run();
    // Whether the portal is still there, and the transaction still whole, is the backend's to say (34000, 25P02).
    conversation.hidden(describeMessage('P', name), 'describe');
    if (!(await conversation.drain())) return;
    if (statement.classified?.kind === 'ExecuteStmt') {
      if (await this.callPrepared(statement.classified, name, portal.results)) portal.swapped = true;
      else if (conversation.skipping) return;
      return run();
    }
    if (!statement.innerRow) {
      this.describeInner(statement);
      if (!(await conversation.drain())) return;
    }
    const { formats, values, results } = portal;
    const bound = { types: statement.parameters ?? [], formats, values };
    const swapped = await swapIn(this.parts, this.rewritten, statement, name, bound, results);
    if (swapped === 'failed') return;
    portal.swapped = swapped === 'swapped';
    run();
  }

  /** EXECUTE name(arguments): the arguments are evaluated as PostgreSQL would, then the statement runs as any other. */
  async callPrepared(call: Classified, portal: string, results: readonly number[]): Promise<boolean> {
    const { conversation } = this.parts;
    const name = 'ExecuteStmt' in call.node ? (call.node.ExecuteStmt.name ?? '') : '';
    const statement = this.statements.get(name);
    if (!statement) return false;
    if (!statement.parameters) this.describe(statement, name);
    if (!(await conversation.drain())) return false;
    const types = statement.parameters ?? [];
    const given = callArguments(call);
    if (given.length !== types.length) return false; // the backend says what is wrong
    let values: (Buffer | null)[] = [];
    if (types.length > 0) {
      const names = await (await this.parts.database.helper()).typesOf(types);
      const columns = given.map((a, i) => `((${a})::${names[i] ?? 'text'})::text`);
      const rows = await askInBand(conversation, `SELECT ${columns.join(', ')}`);
      if (!rows) return false;
      values = (rows[0] ?? []).map((v) => (v === null ? null : Buffer.from(v, 'utf8')));
    }
    const bound = { types, formats: [], values };
    return (await swapIn(this.parts, this.rewritten, statement, portal, bound, results)) === 'swapped';
  }

  /** What a statement that has run changes in what the front knows. */
  effect(classified: Classified): void {
    const { node } = classified;
    if ('DeallocateStmt' in node && node.DeallocateStmt.name) this.statements.delete(node.DeallocateStmt.name);
    else if ('DeallocateStmt' in node || ('DiscardStmt' in node && node.DiscardStmt.target === 'DISCARD_ALL')) {
      this.statements.clear();
      this.rewritten.clear();
    }
    if (!('PrepareStmt' in node)) return;
    this.statements.set(node.PrepareStmt.name ?? '', statementOf(preparedBody(classified)));
  }
}

/** Texts of EXECUTE's arguments. */
const callArguments = (call: Classified): readonly string[] => {
  const tokens = tokensOf(call.text);
  const first = tokens.findIndex((t) => t.word === '(');
  const open = tokens[first];
  if (!open) return [];
  const out: string[] = [];
  let from = open.end;
  let brackets = 0;
  for (const t of tokens.slice(first + 1)) {
    if (t.word === '[') brackets += 1;
    if (t.word === ']') brackets -= 1;
    const end = t.word === ')' && t.depth === 0;
    if (!end && (t.word !== ',' || t.depth !== 1 || brackets > 0)) continue;
    out.push(readable(call.text.slice(from, t.start)));
    from = t.end;
    if (end) break;
  }
  return out;
};
