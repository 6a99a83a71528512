import { invalid, type ParsedFile } from './model-files.js';
import { GRANULARITIES } from './model-keys.js';

type Kind = 'measure' | 'dimension' | 'segment' | 'hierarchy';

/** A cube or view as its file declares it, before it is compiled. */
interface Declared {
  readonly view: boolean;
  readonly above: string | undefined;
  readonly members: ReadonlyMap<string, Kind>;
  /** Granularities of time dimensions, Cube's own included: `at.month` is a reference as well. */
  readonly granularities: ReadonlyMap<string, readonly string[]>;
  readonly joins: readonly string[];
}

const LISTS: readonly (readonly [string, Kind])[] = [
  ['measures', 'measure'],
  ['dimensions', 'dimension'],
  ['segments', 'segment'],
  ['hierarchies', 'hierarchy'],
];

type Fields = Readonly<Record<string, unknown>>;
const fields = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});
const list = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.map(fields) : []);

const plainOf = (file: ParsedFile): Fields => {
  try {
    return fields(file.document.toJS());
  } catch (thrown) {
    throw invalid(file.fileName, 1, thrown instanceof Error ? thrown.message : 'the file cannot be read');
  }
};

/** What a reference leads to; `wrong` is the part of it that names nothing. */
export type Found = { readonly kind: Kind | 'cube' | 'unknown' } | { readonly wrong: string; readonly of: string };

/** The names that all files of a model declare, and what a reference between them leads to. */
export class DeclaredNames {
  private readonly owners = new Map<string, Declared>();
  private readonly inherited = new Map<string, ReadonlyMap<string, Kind> | undefined>();

  constructor(files: readonly ParsedFile[]) {
    for (const file of files) {
      const plain = plainOf(file);
      for (const key of ['cubes', 'views'])
        for (const owner of list(plain[key])) {
          const members = LISTS.flatMap(([name, kind]) =>
            list(owner[name]).map((member) => [String(member['name']), kind] as const),
          );
          this.owners.set(String(owner['name']), {
            view: key === 'views',
            above: typeof owner['extends'] === 'string' ? owner['extends'] : undefined,
            members: new Map(members),
            granularities: new Map(
              list(owner['dimensions'])
                .filter((dimension) => dimension['type'] === 'time')
                .map((dimension) => [
                  String(dimension['name']),
                  [...GRANULARITIES, ...list(dimension['granularities']).map((g) => String(g['name']))],
                ]),
            ),
            joins: list(owner['joins']).map((join) => String(join['name'])),
          });
        }
    }
  }

  cubes(): readonly string[] {
    return [...this.owners].filter(([, owner]) => !owner.view).map(([name]) => name);
  }

  /** Whether a name may begin a path within a cube or view: any of these, or a member of its own. */
  begins(cube: string, name: string): boolean {
    return this.owners.has(name) || this.membersOf(cube)?.has(name) === true;
  }

  isView(name: string): boolean {
    return this.owners.get(name)?.view === true;
  }

  /** An owner and what it extends, nearest first; undefined when something of it is not declared in these files. */
  private line(name: string): readonly Declared[] | undefined {
    const line: Declared[] = [];
    for (let next: string | undefined = name; next !== undefined; next = line.at(-1)?.above) {
      const owner = this.owners.get(next);
      if (!owner || owner.view || line.includes(owner)) return undefined;
      line.push(owner);
    }
    return line;
  }

  /** Names of a cube's members, inherited ones included; undefined when they cannot be known from the files (a view's). */
  membersOf(name: string): ReadonlyMap<string, Kind> | undefined {
    const known = this.inherited.get(name);
    if (known || this.inherited.has(name)) return known;
    const line = this.line(name);
    const members = line && new Map(line.toReversed().flatMap((owner) => [...owner.members]));
    this.inherited.set(name, members);
    return members;
  }

  private granularitiesOf(path: string): readonly string[] | undefined {
    const [cube = '', member = ''] = path.split('.');
    return this.line(cube)
      ?.find((owner) => owner.members.has(member))
      ?.granularities.get(member);
  }

  /** What may follow a name within a path: a member's granularities, a cube's members and other cubes. */
  after(of: string): readonly string[] {
    if (of.includes('.')) return this.granularitiesOf(of) ?? [];
    return [...(this.membersOf(of)?.keys() ?? []), ...this.cubes()];
  }

  /** A member, or a granularity of it. */
  private member(cube: string, name: string, kind: Kind, rest: readonly string[]): Found {
    const [granularity] = rest;
    const of = `${cube}.${name}`;
    return granularity === undefined || this.granularitiesOf(of)?.includes(granularity)
      ? { kind }
      : { wrong: granularity, of };
  }

  /** What `{...}` or an entry of a list leads to from a cube: `CUBE.x`, `x`, `customers.country`, `x.month`. */
  find(path: string, cube: string): Found {
    const [head = '', ...rest] = path.split('.');
    if (head !== 'CUBE' && head !== 'TABLE') {
      const own = this.membersOf(cube);
      if (!own) return { kind: 'unknown' };
      const kind = own.get(head);
      if (kind !== undefined && (rest.length === 0 || !this.owners.has(head)))
        return this.member(cube, head, kind, rest);
      if (!this.owners.has(head)) return { wrong: head, of: cube };
    }
    let at = this.owners.has(head) ? head : cube;
    for (const [i, part] of rest.entries()) {
      const members = this.membersOf(at);
      if (!members) return { kind: 'unknown' };
      const kind = members.get(part);
      if (kind !== undefined) return this.member(at, part, kind, rest.slice(i + 1));
      if (part === 'sql') return { kind: 'unknown' };
      if (!this.owners.has(part)) return { wrong: part, of: at };
      at = part;
    }
    return { kind: 'cube' };
  }

  /** What could have been meant in a cube: its own members, the cubes, and the members of cubes that it joins. */
  near(cube: string): readonly string[] {
    const joined = (this.line(cube) ?? []).flatMap((owner) => owner.joins);
    return [
      'CUBE',
      ...(this.membersOf(cube)?.keys() ?? []),
      ...this.cubes(),
      ...joined.flatMap((name) => [...(this.membersOf(name)?.keys() ?? [])].map((member) => `${name}.${member}`)),
    ];
  }
}
