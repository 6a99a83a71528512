/** A number as JSON text had it: digits that a JS number could not keep. */
export class ExactNumber {
  constructor(readonly text: string) {}
}

export type ExactJson =
  | null
  | boolean
  | number
  | bigint
  | string
  | ExactNumber
  | readonly ExactJson[]
  | { readonly [key: string]: ExactJson | undefined };

/** JSON text of a value, in which 64-bit integers and decimals stand digit by digit; what is undefined is left out. */
export const exactText = (value: ExactJson): string => {
  if (value instanceof ExactNumber) return value.text;
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return `[${(value as readonly ExactJson[]).map(exactText).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value as Readonly<Record<string, ExactJson | undefined>>);
    return `{${entries.flatMap(([k, v]) => (v === undefined ? [] : [`${JSON.stringify(k)}:${exactText(v)}`])).join(',')}}`;
  }
  return JSON.stringify(value);
};

const SPACE = /[ \t\n\r]*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;
/** Deeper nesting is an attack on the stack, not a statistic or a schema. */
const DEEPEST = 500;

/** A reader that stands at one place of a text; `undefined` where the text is no JSON. */
class Reader {
  private at = 0;
  constructor(private readonly text: string) {}

  private take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  private sign(character: string): boolean {
    this.take(SPACE);
    if (this.text[this.at] !== character) return false;
    this.at += 1;
    return true;
  }

  /** Items up to the closing sign, with commas between them. */
  private items(close: string, item: () => boolean): boolean {
    if (this.sign(close)) return true;
    do {
      if (!item()) return false;
    } while (this.sign(','));
    return this.sign(close);
  }

  private string(): string | undefined {
    this.take(SPACE);
    const text = this.take(STRING);
    return text === undefined ? undefined : (JSON.parse(text) as string);
  }

  private array(depth: number): readonly ExactJson[] | undefined {
    const list: ExactJson[] = [];
    const whole = this.items(']', () => {
      const value = this.value(depth + 1);
      if (value !== undefined) list.push(value);
      return value !== undefined;
    });
    return whole ? list : undefined;
  }

  private object(depth: number): { readonly [key: string]: ExactJson } | undefined {
    const entries: [string, ExactJson][] = [];
    const whole = this.items('}', () => {
      const key = this.string();
      if (key === undefined || !this.sign(':')) return false;
      const value = this.value(depth + 1);
      if (value !== undefined) entries.push([key, value]);
      return value !== undefined;
    });
    return whole ? Object.fromEntries(entries) : undefined;
  }

  value(depth = 0): ExactJson | undefined {
    if (depth > DEEPEST) return undefined;
    if (this.sign('{')) return this.object(depth);
    if (this.sign('[')) return this.array(depth);
    const string = this.string();
    if (string !== undefined) return string;
    const word = this.take(WORD);
    if (word !== undefined) return word === 'null' ? null : word === 'true';
    const number = this.take(NUMBER);
    return number === undefined ? undefined : new ExactNumber(number);
  }

  get ended(): boolean {
    this.take(SPACE);
    return this.at === this.text.length;
  }
}

/** Reads JSON with every number as its own text. Undefined: the text is no JSON. */
export const parseExact = (text: string): ExactJson | undefined => {
  const reader = new Reader(text);
  const value = reader.value();
  return value !== undefined && reader.ended ? value : undefined;
};

/** A JSON object, or undefined for any other value. */
export const asObject = (
  value: ExactJson | undefined,
): { readonly [key: string]: ExactJson | undefined } | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber)
    ? (value as { readonly [key: string]: ExactJson | undefined })
    : undefined;
