import { isAlias, isMap, isScalar, isSeq, type Node, type Pair, visit, type YAMLMap } from 'yaml';
import { nearest } from '../policy/index.js';
import type { DeclaredNames } from './declared-names.js';
import type { Report } from './faults.js';
import { invalid, type ParsedFile } from './model-files.js';

/** A brace that is not escaped, up to the one that closes it. */
const BRACES = /(?<!\\)\{([^{}]*)(\}?)/g;
/** `CUBE`, `customers.country`, `other.sql()`. */
const REFERENCE = /^([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*(\(\s*\))?$/;
const PATH = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/;

const PARTS: Readonly<Record<string, string>> = {
  joins: 'join ',
  dimensions: '',
  measures: '',
  segments: '',
  pre_aggregations: '',
  preAggregations: '',
};

class Checker {
  constructor(
    private readonly file: ParsedFile,
    private readonly names: DeclaredNames,
    private readonly report: Report,
  ) {}

  private plain(node: unknown): unknown {
    return isAlias(node) ? node.resolve(this.file.document) : node;
  }
  private get(map: YAMLMap, ...keys: readonly string[]): unknown {
    return this.plain(keys.map((key) => map.get(key, true)).find((node) => node !== undefined));
  }
  private text(node: unknown): string | undefined {
    const plain = this.plain(node);
    return isScalar(plain) && typeof plain.value === 'string' ? plain.value : undefined;
  }
  private items(node: unknown): readonly unknown[] {
    return isSeq(node) ? node.items.map((item) => this.plain(item)) : [];
  }

  /** The line on which a text of a scalar stands; the scalar's first when its escapes hide it. */
  private lineWithin(node: unknown, text: string): number {
    const range = (this.plain(node) as Node | null | undefined)?.range;
    const at = range ? this.file.content.slice(range[0], range[1]).search(text) : -1;
    if (!range || at < 0) return this.file.lineOf(node);
    return this.file.content.slice(0, range[0] + at).split('\n').length;
  }

  private refuse(node: unknown, found: string, what: string): void {
    const pattern = `(?<![\\w.])${found.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}(?!\\w)`;
    this.report(invalid(this.file.fileName, this.lineWithin(node, pattern), what));
  }

  /** One reference. `show` writes a name as it would stand there. */
  private reference(node: unknown, path: string, cube: string, label: string, show: (name: string) => string) {
    const found = this.names.find(path, cube);
    if (!('wrong' in found)) return found.kind;
    const whole = found.wrong === path;
    const like = whole ? nearest(path, this.names.near(cube)) : nearest(found.wrong, this.names.after(found.of));
    const meant = like && (whole ? like : path.replace(new RegExp(`\\b${found.wrong}\\b`), like));
    const missing = whole
      ? `${show(path)} names no member of ${cube}, no cube and not CUBE`
      : `${show(path)}: there is no ${found.wrong} in ${found.of}`;
    this.refuse(node, path, `${label}: ${missing}${meant ? `; did you mean ${show(meant)}?` : ''}`);
    return 'unknown';
  }

  private sql(node: unknown, cube: string, label: string, measures: boolean): void {
    for (const [whole, inside = '', end] of (this.text(node) ?? '').matchAll(BRACES)) {
      if (end === '') {
        this.refuse(node, whole, `${label}: the brace of ${whole.trim()} is not closed`);
        continue;
      }
      if (inside.trim() === '') continue;
      const [, path, call] = REFERENCE.exec(inside.trim()) ?? [];
      // Cube would take the braces off and leave the rest: the pattern \d{5} would become \d5
      if (path === undefined) {
        this.refuse(node, whole, `${label}: ${whole} is no reference; write \\{ and \\} for braces of the SQL itself`);
        continue;
      }
      const kind = this.reference(node, path, cube, label, (name) => `{${name}${call ? '()' : ''}}`);
      if (kind === 'measure' && !measures)
        this.refuse(
          node,
          path,
          `${label}: ${whole} is a measure, and only a measure of type number is made of measures`,
        );
    }
  }

  /** Every `sql` of a part of a cube, its filters and cases included. `measures`: whether its own may name measures. */
  private sqlInside(part: YAMLMap, cube: string, label: string, measures: boolean): void {
    const own = part.items.find((pair) => isScalar(pair.key) && pair.key.value === 'sql');
    visit(part, {
      Pair: (_, pair: Pair) => {
        const key = isScalar(pair.key) ? pair.key.value : undefined;
        if (key === 'meta') return visit.SKIP;
        if (key === 'sql') this.sql(pair.value, cube, label, measures && pair === own);
        return undefined;
      },
    });
  }

  private listed(node: unknown, cube: string, label: string, kind: string | undefined): void {
    for (const item of isSeq(node) ? this.items(node) : [node]) {
      const path = this.text(item);
      if (path === undefined || !PATH.test(path)) continue;
      const found = this.reference(item, path, cube, label, (name) => name);
      if (kind !== undefined && found !== kind && found !== 'unknown')
        this.refuse(item, path, `${label}: ${path} is a ${found}; a ${kind} is wanted here`);
    }
  }

  cube(owner: YAMLMap): void {
    const cube = String(owner.get('name') ?? '');
    this.sql(owner.get('sql', true), cube, cube, false);
    for (const [key, label] of Object.entries(PARTS))
      for (const part of this.items(this.get(owner, key))) {
        if (!isMap(part)) continue;
        const name = label === '' ? `${cube}.${part.get('name')}` : `${cube}: ${label}${part.get('name')}`;
        // a measure whose type is merged in or inherited may be one of type number
        const type = this.text(part.get('type', true)) ?? 'number';
        this.sqlInside(part, cube, name, key === 'measures' && type === 'number');
        if (key === 'measures') this.listed(this.get(part, 'drill_members', 'drillMembers'), cube, name, undefined);
        if (!/^pre/.test(key)) continue;
        this.listed(this.get(part, 'measures'), cube, name, 'measure');
        this.listed(this.get(part, 'dimensions'), cube, name, 'dimension');
        this.listed(this.get(part, 'time_dimension', 'timeDimension'), cube, name, 'dimension');
      }
  }

  /** A view's list of members, each at the line of its entry. */
  view(owner: YAMLMap): void {
    const view = String(owner.get('name') ?? '');
    for (const part of this.items(this.get(owner, 'cubes'))) {
      if (!isMap(part)) continue;
      const pathNode = this.get(part, 'join_path', 'joinPath');
      const path = this.text(pathNode) ?? '';
      const cubes = this.names.cubes();
      const unknown = path.split('.').find((name) => !cubes.includes(name));
      if (unknown !== undefined) {
        if (!PATH.test(path) || this.names.isView(unknown)) continue;
        const like = nearest(unknown, cubes);
        const meant = like ? `; did you mean ${like}?` : '';
        this.refuse(pathNode, path, `${view}: join_path ${path}: there is no cube ${unknown}${meant}`);
        continue;
      }
      const cube = path.split('.').at(-1) ?? '';
      const members = this.names.membersOf(cube);
      if (!members) continue;
      for (const key of ['includes', 'excludes'])
        for (const item of this.items(this.get(part, key))) {
          const name = this.text(isMap(item) ? item.get('name', true) : item);
          if (name === undefined || members.has(name)) continue;
          const like = nearest(name, [...members.keys()]);
          this.report(
            invalid(
              this.file.fileName,
              this.file.lineOf(item),
              `${view}: ${key}: there is no ${name} in ${cube}${like ? `; did you mean ${like}?` : ''}`,
            ),
          );
        }
    }
  }

  check(): void {
    const root = this.file.document;
    for (const owner of this.items(root.get('cubes', true))) if (isMap(owner)) this.cube(owner);
    for (const owner of this.items(root.get('views', true))) if (isMap(owner)) this.view(owner);
  }
}

/**
 * Every reference of the model's texts (SQL of cubes, joins, members, filters and cases; lists of rollups, drills and views) is
 * held against the names that the files declare. Cube looks at many of them only when a query needs the member.
 * A fault stands at the line of the reference and names the nearest right name.
 */
export const checkReferences = (files: readonly ParsedFile[], names: DeclaredNames, report: Report): void => {
  for (const file of files) new Checker(file, names, report).check();
};
