import { parseType } from '../../../query/index.js';
import { literal, quoted } from '../format/schema.js';
import type { DeltaSchema, DeltaType } from '../types.js';

/** What is known of a part of an expression: its SQL in DuckDB and its type in Spark. `constant`: a literal's own text. */
interface Term {
  readonly sql: string;
  readonly type: DeltaType;
  readonly constant?: string;
}

type Token =
  | { readonly kind: 'word' | 'name' | 'text' | 'number'; readonly text: string }
  | { readonly kind: 'sign'; readonly text: string };

const TOKEN =
  /\s*(?:(?<name>`(?:[^`]|``)+`)|(?<text>'[^'\\]*'|"[^"\\]*")|(?<number>\d+(?:\.\d+)?|\.\d+)(?![\w.])|(?<word>[A-Za-z_]\w*)|(?<sign><=>|<>|!=|<=|>=|==|[=<>(),.%-]))/y;

/** Undefined where the text holds something that we have no meaning for. */
const tokensOf = (text: string): readonly Token[] | undefined => {
  const tokens: Token[] = [];
  const all = text.trimEnd();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < all.length) {
    const groups = TOKEN.exec(all)?.groups;
    if (!groups) return undefined;
    const { name, text: string, number, word, sign } = groups;
    if (name !== undefined) tokens.push({ kind: 'name', text: name.slice(1, -1).replaceAll('``', '`') });
    else if (string !== undefined) tokens.push({ kind: 'text', text: string.slice(1, -1) });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number });
    else if (word !== undefined) tokens.push({ kind: 'word', text: word });
    else if (sign !== undefined) tokens.push({ kind: 'sign', text: sign });
  }
  return tokens;
};

const INTEGER_DIGITS: Readonly<Record<string, number>> = { byte: 3, short: 5, integer: 10, long: 20 };
/** Numbers that both engines keep digit by digit: digits before and behind the point. */
const exactDigits = (type: DeltaType): readonly [whole: number, scale: number] | undefined => {
  if (typeof type !== 'string') return undefined;
  const digits = INTEGER_DIGITS[type];
  if (digits !== undefined) return [digits, 0];
  const decimal = parseType(type);
  return decimal?.kind === 'decimal' ? [decimal.precision - decimal.scale, decimal.scale] : undefined;
};

const DAY = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;
const isDay = (text: string): boolean => {
  if (!DAY.test(text)) return false;
  const at = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text);
};
const dayTerm = (text: string): Term => ({ sql: `DATE ${literal(text)}`, type: 'date', constant: text });

const SAME = new Set(['string', 'date', 'boolean', 'timestamp', 'timestamp_ntz', 'double', 'float']);
/** A double that no conversion changes: as many digits as fit into one exactly. */
const asDouble = ({ constant }: Term): string | undefined =>
  constant !== undefined && /^[\d.-]+$/.test(constant) && constant.replaceAll(/[.-]/g, '').length <= 15
    ? `CAST(${literal(constant)} AS DOUBLE)`
    : undefined;

/**
 * Two terms as both engines compare them; undefined where their rules of conversion could differ, or hang on a session's settings.
 */
const comparable = (a: Term, b: Term): readonly [string, string] | undefined => {
  const [left, right] = [exactDigits(a.type), exactDigits(b.type)];
  if (left && right)
    return Math.max(left[0], right[0]) + Math.max(left[1], right[1]) <= 38 ? [a.sql, b.sql] : undefined;
  if (typeof a.type !== 'string' || typeof b.type !== 'string') return undefined;
  if (a.type === b.type) return SAME.has(a.type) ? [a.sql, b.sql] : undefined;
  for (const [one, other, back] of [
    [a, b, false],
    [b, a, true],
  ] as const) {
    if (one.type === 'date' && other.type === 'string' && other.constant !== undefined && isDay(other.constant)) {
      const sql = dayTerm(other.constant).sql;
      return back ? [sql, one.sql] : [one.sql, sql];
    }
    const double = one.type === 'double' || one.type === 'float' ? asDouble(other) : undefined;
    // An integer literal beside a FLOAT is compared as FLOAT or as DOUBLE, by the session.
    if (double !== undefined && !(one.type === 'float' && exactDigits(other.type)?.[1] === 0)) {
      const wide = `CAST(${one.sql} AS DOUBLE)`;
      return back ? [double, wide] : [wide, double];
    }
  }
  return undefined;
};

const COMPARE: Readonly<Record<string, string>> = {
  '=': '=',
  '==': '=',
  '<>': '<>',
  '!=': '<>',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
  '<=>': 'IS NOT DISTINCT FROM',
};
const PARTS_OF_DATE: Readonly<Record<string, string>> = {
  year: 'year',
  month: 'month',
  day: 'day',
  dayofmonth: 'day',
  quarter: 'quarter',
};
const LENGTHS = new Set(['length', 'char_length', 'character_length', 'len']);
const PARTS_OF_TEXT = new Set(['substring', 'substr']);
const KEYWORDS = new Set([
  'and',
  'or',
  'not',
  'is',
  'in',
  'between',
  'like',
  'case',
  'when',
  'cast',
  'null',
  'true',
  'false',
]);
/** A subset of a subset: longer ones are nobody's hand-written rule. */
const DEEPEST = 100;

/** A reader of Spark SQL's expressions over one schema. Every method gives undefined for what is not ours to evaluate. */
class Expressions {
  private at = 0;
  private depth = 0;
  constructor(
    private readonly tokens: readonly Token[],
    private readonly schema: DeltaSchema,
  ) {}

  get ended(): boolean {
    return this.at === this.tokens.length;
  }

  private word(text: string): boolean {
    const token = this.tokens[this.at];
    if (token?.kind !== 'word' || token.text.toLowerCase() !== text) return false;
    this.at += 1;
    return true;
  }

  private sign(text: string): boolean {
    const token = this.tokens[this.at];
    if (token?.kind !== 'sign' || token.text !== text) return false;
    this.at += 1;
    return true;
  }

  private next(): Token | undefined {
    const token = this.tokens[this.at];
    if (token) this.at += 1;
    return token;
  }

  any(): Term | undefined {
    if (this.depth > DEEPEST) return undefined;
    this.depth += 1;
    const term = this.chain('or', () => this.chain('and', () => this.negation()));
    this.depth -= 1;
    return term;
  }

  private chain(word: 'and' | 'or', part: () => Term | undefined): Term | undefined {
    let left = part();
    while (left && this.word(word)) {
      const right = part();
      left =
        right?.type === 'boolean' && left.type === 'boolean'
          ? { sql: `(${left.sql} ${word.toUpperCase()} ${right.sql})`, type: 'boolean' }
          : undefined;
    }
    return left;
  }

  private negation(): Term | undefined {
    if (!this.word('not')) return this.predicate();
    if (this.depth > DEEPEST) return undefined;
    this.depth += 1;
    const term = this.negation();
    this.depth -= 1;
    return term?.type === 'boolean' ? { sql: `(NOT ${term.sql})`, type: 'boolean' } : undefined;
  }

  private predicate(): Term | undefined {
    const left = this.operand();
    if (!left) return undefined;
    const token = this.tokens[this.at];
    const operator = token?.kind === 'sign' ? COMPARE[token.text] : undefined;
    if (operator !== undefined) {
      this.at += 1;
      const right = this.operand();
      return right && compared(left, operator, right);
    }
    if (this.word('is')) return this.isNull(left);
    const negated = this.word('not');
    const found = this.word('between')
      ? this.between(left)
      : this.word('in')
        ? this.oneOf(left)
        : this.word('like')
          ? this.like(left)
          : negated
            ? undefined
            : left;
    return found && negated ? { sql: `(NOT ${found.sql})`, type: 'boolean' } : found;
  }

  private isNull(left: Term): Term | undefined {
    const not = this.word('not') ? 'NOT ' : '';
    return this.word('null') ? { sql: `(${left.sql} IS ${not}NULL)`, type: 'boolean' } : undefined;
  }

  private between(left: Term): Term | undefined {
    const low = this.operand();
    const high = low && this.word('and') ? this.operand() : undefined;
    const from = low && compared(left, '>=', low);
    const to = high && compared(left, '<=', high);
    return from && to && { sql: `(${from.sql} AND ${to.sql})`, type: 'boolean' };
  }

  private oneOf(left: Term): Term | undefined {
    if (!this.sign('(')) return undefined;
    const tests: string[] = [];
    do {
      const item = this.operand();
      const test = item?.constant === undefined ? undefined : compared(left, '=', item);
      if (!test) return undefined;
      tests.push(test.sql);
    } while (this.sign(','));
    return this.sign(')') ? { sql: `(${tests.join(' OR ')})`, type: 'boolean' } : undefined;
  }

  private like(left: Term): Term | undefined {
    const pattern = this.next();
    return pattern?.kind === 'text' && left.type === 'string'
      ? { sql: `(${left.sql} LIKE ${literal(pattern.text)})`, type: 'boolean' }
      : undefined;
  }

  private operand(): Term | undefined {
    if (this.sign('(')) {
      const inner = this.any();
      return inner && this.sign(')') ? { ...inner, sql: `(${inner.sql})` } : undefined;
    }
    const minus = this.sign('-');
    const token = this.next();
    if (token?.kind === 'number') return numberTerm(minus ? `-${token.text}` : token.text);
    if (!token || minus || token.kind === 'sign') return undefined;
    if (token.kind === 'text') return { sql: literal(token.text), type: 'string', constant: token.text };
    const word = token.kind === 'word' ? token.text.toLowerCase() : '';
    if (word === 'true' || word === 'false') return { sql: word, type: 'boolean', constant: word };
    const following = this.tokens[this.at];
    if (word === 'date' && following?.kind === 'text') {
      this.at += 1;
      return isDay(following.text) ? dayTerm(following.text) : undefined;
    }
    if (token.kind === 'word' && following?.kind === 'sign' && following.text === '(') return this.call(word);
    return KEYWORDS.has(word) ? undefined : this.column(token.text);
  }

  private call(name: string): Term | undefined {
    this.at += 1;
    const first = this.any();
    const rest: Term[] = [];
    while (this.sign(',')) {
      const next = this.any();
      if (!next) return undefined;
      rest.push(next);
    }
    if (!first || !this.sign(')')) return undefined;
    const part = PARTS_OF_DATE[name];
    if (part !== undefined && first.type === 'date' && rest.length === 0)
      return { sql: `CAST(${part}(${first.sql}) AS INTEGER)`, type: 'integer' };
    if (LENGTHS.has(name) && first.type === 'string' && rest.length === 0)
      return { sql: `CAST(length(${first.sql}) AS INTEGER)`, type: 'integer' };
    const whole = rest.every(({ constant }) => constant !== undefined && /^[1-9]\d{0,5}$/.test(constant));
    if (PARTS_OF_TEXT.has(name) && first.type === 'string' && whole && (rest.length === 1 || rest.length === 2))
      return { sql: `substring(${[first, ...rest].map(({ sql }) => sql).join(', ')})`, type: 'string' };
    return undefined;
  }

  /** A column, or a field in a struct. Names are told apart whatever their case, as Spark does. */
  private column(name: string): Term | undefined {
    const find = (fields: DeltaSchema['fields'], wanted: string) =>
      fields.find((field) => field.name.toLowerCase() === wanted.toLowerCase());
    let field = find(this.schema.fields, name);
    let sql = field && quoted(field.name);
    while (field && this.sign('.')) {
      const token = this.next();
      const inner: DeltaType = field.type;
      if (typeof inner === 'string' || inner.type !== 'struct' || (token?.kind !== 'word' && token?.kind !== 'name'))
        return undefined;
      field = find(inner.fields, token.text);
      sql = field && `struct_extract(${sql}, ${literal(field.name)})`;
    }
    return field && sql !== undefined ? { sql, type: field.type } : undefined;
  }
}

const numberTerm = (text: string): Term | undefined => {
  const [whole = '', fraction = ''] = text.replace('-', '').split('.');
  const digits = whole.replace(/^0+/, '').length;
  if (digits + fraction.length > 38) return undefined;
  if (fraction === '' && !text.includes('.'))
    return {
      sql: text,
      type: digits <= 9 ? 'integer' : digits <= 18 ? 'long' : `decimal(${digits},0)`,
      constant: text,
    };
  return {
    sql: text,
    type: `decimal(${Math.max(1, digits + fraction.length)},${fraction.length})`,
    constant: text,
  };
};

const compared = (left: Term, operator: string, right: Term): Term | undefined => {
  const sides = comparable(left, right);
  return sides && { sql: `(${sides[0]} ${operator} ${sides[1]})`, type: 'boolean' };
};

const termOf = (text: string, schema: DeltaSchema): Term | undefined => {
  const tokens = tokensOf(text);
  if (!tokens || tokens.length === 0) return undefined;
  const reader = new Expressions(tokens, schema);
  const term = reader.any();
  return term && reader.ended ? term : undefined;
};

/**
 * A condition of Spark SQL as DuckDB evaluates it with the same result for every row. Undefined: it is not of the small part of the
 * language for which that is so (comparisons of like types with columns and literals, AND, OR, NOT, IS NULL, IN, BETWEEN, LIKE, and
 * `length`, `substring`, `year`, `quarter`, `month`, `day`).
 */
export const conditionSql = (text: string, schema: DeltaSchema): string | undefined => {
  const term = termOf(text, schema);
  return term?.type === 'boolean' ? term.sql : undefined;
};

/** True for the rows in which a column holds what an expression of Spark SQL gives (null where that is null). Undefined as above. */
export const equalsSql = (column: string, text: string, schema: DeltaSchema): string | undefined => {
  const field = schema.fields.find(({ name }) => name === column);
  const term = termOf(text, schema);
  if (!field || !term) return undefined;
  return compared({ sql: quoted(column), type: field.type }, 'IS NOT DISTINCT FROM', term)?.sql;
};
