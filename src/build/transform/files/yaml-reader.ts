import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { type AssayError, error } from '../../../errors/index.js';
import { nearest } from '../../../model/policy/index.js';

/** A YAML value with its place, so that every complaint names file and line. */
export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

/** `; did you mean kind?`, or nothing when no known name is like it. */
export const meant = (wrong: string, known: readonly string[]): string => {
  const like = nearest(wrong, known);
  return like === undefined ? '' : `; did you mean ${like}?`;
};

/** One YAML node that knows where it stands. */
export class YamlNode {
  constructor(
    readonly node: Node | null,
    readonly place: Place,
    private readonly lineAt: (offset: number) => number,
  ) {}
  private child(node: unknown, fallback: number): YamlNode {
    const range = (node as Node | null)?.range;
    const line = range ? this.lineAt(range[0]) : fallback;
    return new YamlNode((node as Node | null) ?? null, { file: this.place.file, line }, this.lineAt);
  }
  fail(what: string): AssayError {
    return error('transform-invalid', { file: this.place.file, line: this.place.line, what });
  }
  /** A mapping whose keys are all known. */
  fields(what: string, known: readonly string[]): ReadonlyMap<string, YamlNode> {
    if (!isMap(this.node)) throw this.fail(`${what} must be a mapping`);
    const found = new Map<string, YamlNode>();
    for (const pair of this.node.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : '';
      const at = this.child(pair.key, this.place.line);
      if (!known.includes(key))
        throw at.fail(`${what} has no field ${key}${meant(key, known)}; it has ${known.join(', ')}`);
      if (found.has(key)) throw at.fail(`${what} has ${key} twice`);
      found.set(key, this.child(pair.value, at.place.line));
    }
    return found;
  }
  isList(): boolean {
    return isSeq(this.node);
  }
  list(what: string): YamlNode[] {
    if (!isSeq(this.node)) throw this.fail(`${what} must be a list`);
    return this.node.items.map((item) => this.child(item, this.place.line));
  }
  text(what: string): string {
    const value = isScalar(this.node) ? this.node.value : undefined;
    if (typeof value !== 'string' || value.trim() === '') throw this.fail(`${what} must be a text`);
    return value.trim();
  }
  texts(what: string): string[] {
    return this.list(what).map((item) => item.text(`each of ${what}`));
  }
  boolean(what: string): boolean {
    const value = isScalar(this.node) ? this.node.value : undefined;
    if (typeof value !== 'boolean') throw this.fail(`${what} must be true or false`);
    return value;
  }
  oneOf<T extends string>(what: string, of: readonly T[]): T {
    const value = isScalar(this.node) ? this.node.value : undefined;
    const found = of.find((option) => option === value);
    if (found === undefined)
      throw this.fail(`${what} must be one of ${of.join(', ')}${typeof value === 'string' ? meant(value, of) : ''}`);
    return found;
  }
  /** A whole number from `least` on. */
  integer(what: string, least: number, most = Number.MAX_SAFE_INTEGER): number {
    const value = Number(this.numberText(what));
    if (!Number.isSafeInteger(value) || value < least || value > most)
      throw this.fail(
        `${what} must be a whole number ${most === Number.MAX_SAFE_INTEGER ? `from ${least} on` : `from ${least} to ${most}`}`,
      );
    return value;
  }
  /** Text that YAML may take for a number, such as the year 2010, as it is written. */
  written(what: string): string {
    const scalar = isScalar(this.node) ? this.node : undefined;
    return typeof scalar?.value === 'number' ? (scalar.source ?? String(scalar.value)) : this.text(what);
  }
  /** A mapping from names to texts, each name with its place. */
  entries(what: string): readonly { readonly name: string; readonly at: YamlNode; readonly value: YamlNode }[] {
    if (!isMap(this.node)) throw this.fail(`${what} must be a mapping`);
    return this.node.items.map((pair) => {
      const at = this.child(pair.key, this.place.line);
      const name = isScalar(pair.key) ? String(pair.key.value) : '';
      return { name, at, value: this.child(pair.value, at.place.line) };
    });
  }
  /** The number's source text: a share such as 0.05 stays exact. */
  numberText(what: string): string {
    const scalar = isScalar(this.node) ? this.node : undefined;
    if (typeof scalar?.value !== 'number') throw this.fail(`${what} must be a number`);
    return scalar.source ?? String(scalar.value);
  }
}

/** Reads YAML that begins at `firstLine` of the file. */
export const readYaml = (file: string, text: string, firstLine: number): YamlNode => {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const lineAt = (offset: number) => lines.linePos(offset).line + firstLine - 1;
  const problem = document.errors[0];
  if (problem)
    throw error('transform-invalid', {
      file,
      line: lineAt(problem.pos[0]),
      what: problem.message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? problem.code,
    });
  return new YamlNode(document.contents, { file, line: firstLine }, lineAt);
};
