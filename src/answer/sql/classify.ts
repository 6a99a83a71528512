import { parseSync } from 'libpg-query';
import type { Facade } from './facade.js';
import { functionName, kindOf, type Node, walk } from './nodes.js';
import { type ByteText, byteText, joined, readable, slice, tokensOf } from './text.js';

/** One statement of a text. `at`: where it begins, in bytes. */
export interface Classified {
  readonly kind: string;
  readonly node: Node;
  readonly text: ByteText;
  readonly at: number;
  /** Reads a model table (by name: a temporary table may hide it). */
  readonly model: boolean;
  /** Names of every relation in it. */
  readonly relations: readonly string[];
  /** Why it is refused, whatever it reads. */
  readonly denied: string | undefined;
}

/** Kinds of statement that a session may run; any other is refused. What they may touch is PostgreSQL's to decide. */
const ALLOWED = new Set([
  'SelectStmt',
  'VariableSetStmt',
  'VariableShowStmt',
  'TransactionStmt',
  'DeclareCursorStmt',
  'FetchStmt',
  'ClosePortalStmt',
  'PrepareStmt',
  'ExecuteStmt',
  'DeallocateStmt',
  'DiscardStmt',
  'CreateStmt',
  'CreateTableAsStmt',
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'TruncateStmt',
  'DropStmt',
  'IndexStmt',
  'AlterTableStmt',
  'RenameStmt',
  'VacuumStmt',
  'CopyStmt',
  'ExplainStmt',
  'UnlistenStmt',
  'ConstraintsSetStmt',
  'ViewStmt',
]);
const SYSTEM_COLUMNS = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid']);
/** Settings that would make the parser here and the one there read a text differently, or that guard the rows. */
const FIXED_SETTINGS = new Set([
  'standard_conforming_strings',
  'backslash_quote',
  'client_encoding',
  'session_authorization',
  'role',
  'row_security',
]);
const UTF8 = new Set(['utf8', 'utf-8', 'unicode']);
/** Functions beside those that the facade's template takes away. */
const DENIED_FUNCTIONS = new Set([
  'pg_sleep',
  'pg_sleep_for',
  'pg_sleep_until',
  'lo_create',
  'lo_import',
  'lo_creat',
  'pg_notify',
  'lo_from_bytea',
]);

const settingValue = (node: Node): string => {
  const args = 'VariableSetStmt' in node ? (node.VariableSetStmt.args ?? []) : [];
  const [first] = args;
  return first && 'A_Const' in first ? (first.A_Const.sval?.sval ?? '') : '';
};

const deniedSetting = (name: string, value: string | undefined): string | undefined => {
  if (!FIXED_SETTINGS.has(name)) return undefined;
  if (name === 'client_encoding' && (value === undefined || UTF8.has(value.toLowerCase()))) return undefined;
  if (name === 'standard_conforming_strings' && (value === undefined || ['on', 'true', '1'].includes(value)))
    return undefined;
  if (name === 'row_security' && value === 'on') return undefined;
  return `SET ${name} to another value`;
};

/** `set_config` of a fixed setting, whose name must stand there as a literal. */
const deniedCall = (node: Node): string | undefined => {
  if (!('FuncCall' in node)) return undefined;
  const name = functionName(node.FuncCall);
  if (DENIED_FUNCTIONS.has(name)) return `${name}()`;
  if (name !== 'set_config') return undefined;
  const [setting, value] = node.FuncCall.args ?? [];
  const text = (n: Node | undefined) => (n && 'A_Const' in n ? n.A_Const.sval?.sval : undefined);
  const known = text(setting);
  return known === undefined ? undefined : deniedSetting(known.toLowerCase(), text(value) ?? '?');
};

const isTemporary = (relation: { relpersistence?: string; schemaname?: string } | undefined): boolean =>
  relation?.relpersistence === 't' || relation?.schemaname === 'pg_temp';

const deniedStatement = (kind: string, node: Node, model: boolean): string | undefined => {
  if (!ALLOWED.has(kind)) return `a statement of the kind ${kind.replace(/Stmt$/, '')}`;
  if ('VariableSetStmt' in node) {
    const { name = '', kind: how } = node.VariableSetStmt;
    if (how === 'VAR_RESET' || how === 'VAR_RESET_ALL' || how === 'VAR_SET_DEFAULT') return undefined;
    return deniedSetting(name.toLowerCase(), settingValue(node));
  }
  if ('CreateStmt' in node && !isTemporary(node.CreateStmt.relation)) return 'CREATE TABLE that is not temporary';
  if ('ViewStmt' in node && (model || !isTemporary(node.ViewStmt.view)))
    return 'CREATE VIEW over the model, or one that is not temporary';
  if ('CreateTableAsStmt' in node && !isTemporary(node.CreateTableAsStmt.into?.rel))
    return 'CREATE TABLE AS that is not temporary';
  if ('CopyStmt' in node && (node.CopyStmt.filename || node.CopyStmt.is_program))
    return 'COPY to or from a file of the server';
  return undefined;
};

const classifyOne = (node: Node, text: ByteText, at: number, facade: Facade): Classified => {
  const kind = kindOf(node);
  const relations = new Set<string>();
  let qualified = false;
  let denied: string | undefined;
  let system = false;
  const relation = (r: { relname?: string } | undefined) => {
    if (r?.relname) relations.add(r.relname);
  };
  walk(node, (n) => {
    if ('RangeVar' in n) relation(n.RangeVar);
    // Relations of INSERT, UPDATE, COPY and others stand without a kind around them.
    for (const part of Object.values(Object.values(n)[0] ?? {}))
      if (typeof part === 'object' && part !== null && 'relname' in part) relation(part as { relname?: string });
    if ('ColumnRef' in n) {
      const last = n.ColumnRef.fields?.at(-1);
      if (last && 'String' in last && SYSTEM_COLUMNS.has(last.String.sval ?? '')) system = true;
    }
    if ('RangeTableSample' in n) qualified = true;
    denied ??= deniedCall(n);
    return true;
  });
  const model = [...relations].some((r) => facade.tables.has(r));
  if (model && system) denied ??= 'system columns of the model';
  if (model && qualified) denied ??= 'TABLESAMPLE of the model';
  return {
    kind,
    node,
    text,
    at,
    model,
    relations: [...relations],
    denied: deniedStatement(kind, node, model) ?? denied,
  };
};

/** The statements of a text, or undefined where the parser finds an error: PostgreSQL says it, with its position. */
export const classify = (text: ByteText, facade: Facade): readonly Classified[] | undefined => {
  let tree: ReturnType<typeof parseSync>;
  try {
    tree = parseSync(readable(text));
  } catch (thrown) {
    if (thrown instanceof Error) return undefined; // a syntax error is all that the parser throws
    throw thrown;
  }
  return (tree.stmts ?? []).flatMap(({ stmt, stmt_location: at = 0, stmt_len: length }) =>
    stmt ? [classifyOne(stmt, slice(text, at, length ? at + length : text.length), at, facade)] : [],
  );
};

/** The database's own name before a schema (`assay.public.retail`) becomes spaces: positions stay. */
export const withoutDatabase = (text: string, databases: readonly string[]): string => {
  if (!databases.some((d) => text.includes(d))) return text;
  const bytes = byteText(text);
  const tokens = tokensOf(bytes);
  let out = bytes;
  tokens.forEach((token, i) => {
    const name = readable(bytes.slice(token.start, token.end)).replace(/^"(.*)"$/, '$1');
    const [dot, schema, second, table] = tokens.slice(i + 1, i + 5);
    if (!databases.includes(name) || dot?.word !== '.' || second?.word !== '.' || !schema || !table) return;
    if (tokens[i - 1]?.word === '.') return;
    out = joined(out.slice(0, token.start), ' '.repeat(dot.end - token.start), out.slice(dot.end));
  });
  return readable(out);
};
