import { isMap, isSeq, type YAMLMap } from 'yaml';
import {
  type Catalogue,
  durationOf,
  type Entity,
  type Feature,
  type FeatureCatalogue,
  type FeatureService,
  type FeatureView,
  type Place,
} from '../../catalog/index.js';
import { nearest } from '../../policy/index.js';
import type { Report } from '../faults.js';
import { invalid, type ParsedFile } from '../model-files.js';

const NAME = /^[a-z][a-z0-9_]*$/;

/** One mapping of a file with its places. */
class Node {
  constructor(
    readonly map: YAMLMap,
    readonly file: ParsedFile,
    readonly report: Report,
  ) {}
  place(key?: string): Place {
    const node = key === undefined ? this.map : (this.map.get(key, true) ?? this.map);
    return { file: this.file.fileName, line: this.file.lineOf(node) };
  }
  refuse(what: string, key?: string): void {
    const { file, line } = this.place(key);
    this.report(invalid(file, line, what));
  }
  text(key: string): string | undefined {
    const value = this.map.get(key);
    return value === undefined || value === null ? undefined : String(value);
  }
  flag(key: string): boolean {
    return this.map.get(key) === true;
  }
  child(key: string): Node | undefined {
    const value = this.map.get(key, true);
    return isMap(value) ? new Node(value, this.file, this.report) : undefined;
  }
  children(key: string): readonly Node[] {
    const list = this.map.get(key, true);
    return isSeq(list) ? list.items.flatMap((n) => (isMap(n) ? [new Node(n, this.file, this.report)] : [])) : [];
  }
  texts(key: string): readonly string[] {
    const list = this.map.get(key);
    return isSeq(list) ? list.items.map((item) => String((item as { value?: unknown }).value ?? item)) : [];
  }
  duration(key: string): bigint | undefined {
    const text = this.text(key);
    if (text === undefined) return undefined;
    const found = durationOf(text);
    if (found === undefined)
      this.refuse(`${key}: ${text} is no length of time; write a number and s, m, h, d or w, such as 7d`, key);
    return found;
  }
}

class Reader {
  readonly entities = new Map<string, Entity>();
  readonly views = new Map<string, FeatureView>();
  readonly services = new Map<string, FeatureService>();
  constructor(readonly catalogue: Catalogue) {}

  /** A name of its own; faulty and repeated ones are told. */
  name(node: Node, kind: string, taken: ReadonlyMap<string, unknown>): string {
    const name = node.text('name') ?? '';
    if (!NAME.test(name)) node.refuse(`${kind} ${name}: a name has small letters, digits and underscores`, 'name');
    else if (taken.has(name)) node.refuse(`${kind} ${name} is there twice`, 'name');
    return name;
  }
  /** A cube's dimension that a key names; undefined when it is told as a fault. */
  dimension(node: Node, key: string, owner: string) {
    const name = node.text(key);
    if (name === undefined) return undefined;
    const member = this.catalogue.members.get(name);
    const what = !member
      ? `there is no member ${name}${this.like(name)}`
      : this.catalogue.owners.get(member.owner)?.kind !== 'cube'
        ? `${name} is of a view; name the cube's own member${member.aliasOf ? `, ${member.aliasOf}` : ''}`
        : member.kind !== 'dimension'
          ? `${name} is a ${member.kind}; a dimension is wanted`
          : undefined;
    if (what === undefined) return member;
    node.refuse(`${owner}: ${key}: ${what}`, key);
    return undefined;
  }
  like(name: string): string {
    const found = nearest(name, [...this.catalogue.members.keys()]);
    return found ? `; did you mean ${found}?` : '';
  }

  entity(node: Node): void {
    const name = this.name(node, 'entity', this.entities);
    const key = this.dimension(node, 'key', name);
    if (!key) return;
    const kinds = ['string', 'integer', 'bigint'];
    const wanted = node.text('type');
    if (!kinds.includes(key.type.kind))
      node.refuse(`${name}: a key is text or a whole number; ${key.name} is ${key.type.kind}`, 'key');
    else if (wanted !== undefined && wanted !== key.type.kind)
      node.refuse(`${name}: type: ${key.name} is ${key.type.kind}, not ${wanted}`, 'type');
    const title = node.text('title') ?? key.title;
    const description = node.text('description') ?? '';
    this.entities.set(name, { name, key: key.name, title, description, place: node.place() });
  }

  view(node: Node): void {
    const name = this.name(node, 'feature view', this.views);
    const entity = node.text('entity') ?? '';
    if (!this.entities.has(entity)) node.refuse(`${name}: there is no entity ${entity}`, 'entity');
    const cube = node.text('cube') ?? '';
    if (this.catalogue.owners.get(cube)?.kind !== 'cube') {
      node.refuse(`${name}: there is no cube ${cube}`, 'cube');
      return;
    }
    if (![...this.catalogue.members.values()].some((m) => m.owner === cube && m.primaryKey))
      node.refuse(`${name}: ${cube} has no primary key, so that equal events could not be told apart`, 'cube');
    const time = (key: string) => {
      const member = this.dimension(node, key, name);
      if (member && member.type.kind !== 'timestamp' && member.type.kind !== 'date')
        node.refuse(`${name}: ${key}: ${member.name} is ${member.type.kind}; a time is wanted`, key);
      return member?.name;
    };
    const ttl = node.duration('ttl');
    const features: Feature[] = [];
    for (const child of node.children('features')) {
      const made = this.feature(child, name, cube, ttl);
      if (made && features.some((f) => f.name === made.name)) child.refuse(`${made.path} is there twice`, 'name');
      else if (made) features.push(made);
    }
    if (node.children('features').length === 0) node.refuse(`${name}: features: a view has at least one`, 'features');
    this.views.set(name, {
      name,
      entity,
      cube,
      eventTime: time('event_time') ?? '',
      availableAt: time('available_at'),
      ingestOrder: this.dimension(node, 'ingest_order', name)?.name,
      features,
      ttl,
      online: node.flag('online'),
      refresh: node.child('refresh')?.text('on') === 'data_version',
      description: node.text('description') ?? '',
      owner: node.text('owner'),
      place: node.place(),
    });
  }

  feature(node: Node, view: string, cube: string, ttl: bigint | undefined): Feature | undefined {
    const name = node.text('name') ?? '';
    const path = `${view}.${name}`;
    if (!NAME.test(name)) node.refuse(`feature ${path}: a name has small letters, digits and underscores`, 'name');
    const base = { name, path, place: node.place(), description: node.text('description') ?? '' };
    const [measure, dimension] = [node.text('measure'), node.text('dimension')];
    if ((measure === undefined) === (dimension === undefined)) {
      node.refuse(`${path}: either measure with window, or dimension with take: last`);
      return undefined;
    }
    if (dimension !== undefined) {
      if (node.text('window') !== undefined) node.refuse(`${path}: a dimension has take: last, no window`, 'window');
      if (node.text('take') === undefined) node.refuse(`${path}: take is missing; take: last is what there is`);
      const member = this.dimension(node, 'dimension', path);
      return member && { ...base, kind: 'last', dimension: member.name, title: node.text('title') ?? member.title };
    }
    const member = this.measure(node, measure ?? '', path, cube);
    if (node.text('take') !== undefined) node.refuse(`${path}: a measure has a window, no take`, 'take');
    if (node.text('window') === undefined) node.refuse(`${path}: window is missing, such as window: 7d`);
    const window = node.duration('window');
    if (!member || window === undefined) return undefined;
    if (ttl !== undefined && window > ttl)
      node.refuse(`${path}: a window longer than the view's ttl would count events that are too old`, 'window');
    return { ...base, kind: 'window', measure: member.name, window, title: node.text('title') ?? member.title };
  }

  measure(node: Node, name: string, path: string, cube: string) {
    const member = this.catalogue.members.get(name);
    const what = !member
      ? `there is no member ${name}${this.like(name)}`
      : member.owner !== cube
        ? `${name} counts other rows than the events of ${cube}`
        : member.kind !== 'measure'
          ? `${name} is a ${member.kind}; for its last value write dimension and take: last`
          : member.ratio
            ? `${name} is a ratio; make features of its parts ${member.ratio.numerator} and ${member.ratio.denominator}`
            : !['sum', 'min', 'max', 'count_distinct'].includes(member.additivity)
              ? `${name} is made of levels or stages, which a window over events does not have`
              : undefined;
    if (what === undefined) return member;
    node.refuse(`${path}: measure: ${what}`, 'measure');
    return undefined;
  }

  service(node: Node): void {
    const name = this.name(node, 'feature service', this.services);
    const features = node.texts('features').flatMap((text) => {
      const [view = '', feature = ''] = text.split('.');
      const of = this.views.get(view)?.features ?? [];
      const found = feature === '*' ? of : of.filter((f) => f.name === feature);
      if (found.length === 0) node.refuse(`${name}: there is no feature ${text}`, 'features');
      return found.map((f) => f.path);
    });
    const twice = features.find((path, i) => features.indexOf(path) !== i);
    if (twice !== undefined) node.refuse(`${name}: ${twice} is there twice`, 'features');
    if (this.views.has(name)) node.refuse(`${name}: a feature view has this name already`, 'name');
    this.services.set(name, {
      name,
      features,
      description: node.text('description') ?? '',
      owner: node.text('owner'),
      place: node.place(),
    });
  }
}

/** What the files below `features/` define, against the members of the cubes. Every fault goes to `report`. */
export const readFeatures = (files: readonly ParsedFile[], catalogue: Catalogue, report: Report): FeatureCatalogue => {
  const reader = new Reader(catalogue);
  const roots = files.flatMap((file) => {
    const root = file.document.contents;
    return isMap(root) ? [new Node(root, file, report)] : [];
  });
  // entities first, then what names them, whichever file they stand in
  for (const root of roots) for (const node of root.children('entities')) reader.entity(node);
  for (const root of roots) for (const node of root.children('feature_views')) reader.view(node);
  for (const root of roots) for (const node of root.children('feature_services')) reader.service(node);
  const { entities, views, services } = reader;
  return Object.freeze({ entities, views, services });
};
