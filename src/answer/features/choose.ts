import { createHash } from 'node:crypto';
import { error } from '../../errors/index.js';
import {
  type Catalogue,
  countedBy,
  type Entity,
  type Feature,
  type FeatureService,
  type FeatureView,
  featuresOf,
} from '../../model/catalog/index.js';
import { type Access, nearest } from '../../model/policy/index.js';
import { type Column, type DataType, typeText } from '../../query/index.js';
import type { FeatureChoice } from './request.js';

/** Some features of one view. */
export interface ChosenView {
  readonly view: FeatureView;
  readonly features: readonly Feature[];
}

/** What was asked for, as far as the caller may have it. */
export interface Chosen {
  /** The service's or the features' name, for messages and keys. */
  readonly name: string;
  readonly service: FeatureService | undefined;
  readonly features: readonly Feature[];
  readonly views: readonly ChosenView[];
  readonly entities: readonly Entity[];
  readonly columns: readonly Column[];
  /** Of names, types and definitions: another one is another schema. 16 hex digits. */
  readonly fingerprint: string;
}

/** The column that names an entity: the last part of its key (`customer_id`). */
export const keyColumn = (entity: Entity): string => entity.key.slice(entity.key.lastIndexOf('.') + 1);

/** The member whose values a feature has. */
export const memberOf = (feature: Feature): string => (feature.kind === 'last' ? feature.dimension : feature.measure);

const typeOf = (catalogue: Catalogue, name: string): DataType =>
  catalogue.members.get(name)?.type ?? { kind: 'string' };

export const featureColumn = (catalogue: Catalogue, feature: Feature): Column => {
  const member = catalogue.members.get(memberOf(feature));
  return {
    name: feature.path,
    type: typeOf(catalogue, memberOf(feature)),
    role: feature.kind === 'last' ? 'dimension' : 'measure',
    ...(member?.unit === undefined ? {} : { unit: member.unit }),
  };
};

/** Members that a feature's values are made of. */
const madeOf = (catalogue: Catalogue, feature: Feature): readonly string[] => {
  const member = catalogue.members.get(memberOf(feature));
  return [memberOf(feature), ...(feature.kind === 'window' && member ? countedBy(member) : [])];
};

/** All members that a view with these features names: their groups decide whose row rules speak. */
export const namedBy = (catalogue: Catalogue, { view, features }: ChosenView): readonly string[] => [
  featuresOf(catalogue).entities.get(view.entity)?.key ?? '',
  view.eventTime,
  ...(view.availableAt === undefined ? [] : [view.availableAt]),
  ...new Set(features.map(memberOf)),
];

/** Whether a feature exists for the caller; `masked` names the member that keeps it back. */
const rightTo = (catalogue: Catalogue, access: Access, view: FeatureView, feature: Feature) => {
  const key = featuresOf(catalogue).entities.get(view.entity)?.key ?? '';
  const clear = [
    view.eventTime,
    ...(view.availableAt === undefined ? [] : [view.availableAt]),
    ...madeOf(catalogue, feature),
  ];
  if ([key, ...clear].some((name) => access.seesOfCube(name) === undefined)) return { exists: false };
  const masked =
    clear.find((name) => access.seesOfCube(name) === 'masked') ??
    (access.seesOfCube(key) === 'masked' && shownKey(catalogue, access, key) === undefined ? key : undefined);
  return { exists: true, masked };
};

/** The pseudonym that stands for a masked key. */
export const shownKey = (catalogue: Catalogue, access: Access, key: string): string | undefined =>
  access.seesOfCube(key) === 'masked' ? catalogue.members.get(key)?.pseudonym : undefined;

const all = (catalogue: Catalogue) =>
  [...featuresOf(catalogue).views.values()].flatMap((view) => view.features.map((feature) => ({ view, feature })));

/** Names of features and services that the caller may have. */
export const visibleFeatures = (catalogue: Catalogue, access: Access): { features: string[]; services: string[] } => {
  const features = all(catalogue)
    .filter(({ view, feature }) => {
      const right = rightTo(catalogue, access, view, feature);
      return right.exists && right.masked === undefined;
    })
    .map(({ feature }) => feature.path);
  const services = [...featuresOf(catalogue).services.values()]
    .filter((service) => service.features.every((path) => features.includes(path)))
    .map((service) => service.name);
  return { features, services };
};

const unknown = (catalogue: Catalogue, access: Access, name: string) => {
  const { features, services } = visibleFeatures(catalogue, access);
  const suggestion = nearest(name, [...services, ...features]);
  return error('unknown-feature', suggestion === undefined ? { name } : { name, suggestion });
};

/** What decides a feature's values, as text. */
const meaning = (catalogue: Catalogue, { view, feature }: { view: FeatureView; feature: Feature }) => [
  feature.path,
  typeText(typeOf(catalogue, memberOf(feature))),
  feature.kind,
  memberOf(feature),
  feature.kind === 'window' ? String(feature.window) : 'last',
  [view.entity, view.cube, view.eventTime, view.availableAt ?? '', view.ingestOrder ?? '', String(view.ttl ?? '')],
];

/**
 * The features of a request. Errors: `unknown-feature` (also for what the caller may not see), `feature-masked`,
 * `features-schema-changed`, `query-invalid`.
 */
export const chooseFeatures = (choice: FeatureChoice, catalogue: Catalogue, access: Access): Chosen => {
  const known = featuresOf(catalogue);
  const { service: serviceName, features: names } = choice;
  if ((serviceName === undefined) === (names === undefined))
    throw error('query-invalid', { where: 'features', what: 'either service or features is wanted' });
  const service = serviceName === undefined ? undefined : known.services.get(serviceName);
  if (serviceName !== undefined && !service) throw unknown(catalogue, access, serviceName);
  const found: { view: FeatureView; feature: Feature }[] = [];
  for (const name of service?.features ?? names ?? []) {
    const [view, feature] = String(name).split('.');
    const of = all(catalogue).filter((x) => x.view.name === view && (feature === '*' || x.feature.name === feature));
    const mine = of.filter((x) => rightTo(catalogue, access, x.view, x.feature).exists);
    if (mine.length === 0 || (service && mine.length < of.length))
      throw unknown(catalogue, access, service?.name ?? String(name));
    found.push(...mine);
  }
  if (found.length === 0) throw error('query-invalid', { where: 'features', what: 'at least one is wanted' });
  const paths = found.map((x) => x.feature.path);
  const twice = paths.find((path, i) => paths.indexOf(path) !== i);
  if (twice !== undefined) throw error('query-invalid', { where: 'features', what: `${twice} is there twice` });
  for (const { view, feature } of found) {
    const { masked } = rightTo(catalogue, access, view, feature);
    if (masked !== undefined) throw error('feature-masked', { feature: feature.path, member: masked });
  }
  const chosen = chosenOf(catalogue, found, service);
  if (choice.fingerprint !== undefined && choice.fingerprint !== chosen.fingerprint)
    throw error('features-schema-changed', {
      service: chosen.name,
      asked: choice.fingerprint,
      now: chosen.fingerprint,
    });
  return chosen;
};

/** Features with their views, whoever asks. */
export const chosenOf = (
  catalogue: Catalogue,
  found: readonly { readonly view: FeatureView; readonly feature: Feature }[],
  service: FeatureService | undefined,
): Chosen => {
  const views = [...new Set(found.map((x) => x.view))].map((view) => ({
    view,
    features: found.filter((x) => x.view === view).map((x) => x.feature),
  }));
  const entities = [...new Set(views.map(({ view }) => view.entity))].flatMap(
    (name) => featuresOf(catalogue).entities.get(name) ?? [],
  );
  const columns = entities.map(keyColumn);
  if (new Set(columns).size < columns.length)
    throw error('not-supported', {
      what: `the entities ${entities.map((e) => e.name).join(' and ')} both have a key column ${columns[0]}`,
      instead: 'ask for their features in two requests',
    });
  const meanings = found.map((x) => meaning(catalogue, x));
  const keys = entities.map((e) => [e.key, typeText(typeOf(catalogue, e.key))]);
  return {
    name: service?.name ?? (views.length === 1 ? (views[0]?.view.name ?? '') : 'these features'),
    service,
    features: found.map((x) => x.feature),
    views,
    entities,
    columns: found.map((x) => featureColumn(catalogue, x.feature)),
    fingerprint: createHash('sha256')
      .update(JSON.stringify([keys, meanings]))
      .digest('hex')
      .slice(0, 16),
  };
};

/** A service or view by name, with everything in it, whoever asks: what is materialized. Undefined: there is none. */
export const wholeOf = (catalogue: Catalogue, name: string): Chosen | undefined => {
  const { services, views } = featuresOf(catalogue);
  const service = services.get(name);
  const paths = service?.features ?? views.get(name)?.features.map((f) => f.path);
  if (!paths) return undefined;
  const known = all(catalogue);
  return chosenOf(
    catalogue,
    paths.flatMap((path) => known.filter((x) => x.feature.path === path)),
    service,
  );
};
