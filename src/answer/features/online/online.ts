import { error } from '../../../errors/index.js';
import { durationOf, eventsOf } from '../../../model/catalog/index.js';
import type { Access } from '../../../model/policy/index.js';
import type { Caller, Column, Limits, Provenance, Value } from '../../../query/index.js';
import { guardLeg, instantText } from '../../plan/index.js';
import type { Admission, AskOptions, LoadedModel } from '../../run/index.js';
import { type Chosen, chooseFeatures, keyColumn, namedBy, shownKey, wholeOf } from '../choose.js';
import { pullFor } from '../historical.js';
import type { FeatureParts } from '../parts.js';
import { answerPull } from '../pull.js';
import type { OnlineRequest } from '../request.js';
import { keyText, spineOfRows } from '../spine.js';
import type { Manifest } from './manifest.js';
import { onlineSets } from './materialize.js';
import type { OnlineReader } from './reader.js';

/** `present`, or why the value is null: it is null, it is older than the caller wants, the entity has none. */
export type ValueState = 'present' | 'null' | 'stale' | 'missing';

/** Columns and rows as a query has them, and what they were made from. Small: it is whole when it is given. */
export interface OnlineAnswer {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Value[])[];
  readonly provenance: {
    readonly requestId: string;
    /** `online`: from the store. `source`: computed now, because row rules or masks of the caller forbid shared values. */
    readonly source: 'online' | 'source';
    readonly service: string;
    readonly version: string;
    readonly fingerprint: string;
    /** The instant that the values are of. */
    readonly asOf: string;
    readonly tables: Provenance['tables'];
    readonly policies: readonly string[];
    readonly modelVersion: string;
    readonly rows: number;
  };
}

interface OnlineContext {
  readonly caller: Caller;
  readonly options: AskOptions;
  readonly access: Access;
  readonly model: LoadedModel;
  readonly limits: Limits;
  readonly parts: FeatureParts;
  readonly reader: OnlineReader;
  readonly admission: Admission;
  readonly began: number;
}

/** The set that holds all chosen features. Errors: `not-supported`. */
const setOf = (chosen: Chosen, model: LoadedModel): { readonly name: string; readonly whole: Chosen } => {
  const sets = onlineSets(model.catalogue);
  const named = chosen.service ? sets.filter((name) => name === chosen.service?.name) : sets;
  for (const name of named) {
    const whole = wholeOf(model.catalogue, name);
    const paths = whole?.features.map((f) => f.path) ?? [];
    if (whole && chosen.features.every((f) => paths.includes(f.path))) return { name, whole };
  }
  throw error('not-supported', {
    what: `${chosen.service?.name ?? chosen.features.map((f) => f.path).join(', ')}: not served online`,
    instead: 'set online: true on its views; features that are asked for together belong to one service and one entity',
  });
};

const known = new WeakMap<Access, Map<string, readonly string[] | 'restricted'>>();
/**
 * Ids of the policies that let this caller have values that were made of all rows; `restricted` where a row rule or a mask is its own.
 */
export const sharedWith = (
  chosen: Chosen,
  set: string,
  { access, model }: Pick<OnlineContext, 'access' | 'model'>,
): readonly string[] | 'restricted' => {
  const mine = known.get(access) ?? new Map<string, readonly string[] | 'restricted'>();
  known.set(access, mine);
  const key = `${set} ${chosen.fingerprint}`;
  const found = mine.get(key);
  if (found) return found;
  const sees = { catalogue: model.catalogue, legs: model.legs, access };
  const guarded = chosen.views.map((of) =>
    guardLeg(eventsOf(of.view, of.features, model.catalogue).leg, namedBy(model.catalogue, of), sees, 'duckdb'),
  );
  const masked = chosen.entities.some((e) => shownKey(model.catalogue, access, e.key) !== undefined);
  const open = !masked && guarded.every((g) => g.rules.length === 0);
  const verdict = open ? [...new Set(guarded.flatMap((g) => g.policies))].sort() : ('restricted' as const);
  mine.set(key, verdict);
  return verdict;
};

const STATE: Column['type'] = { kind: 'string' };

/** Values with their states, in the columns that were asked for. */
const shaped = (
  request: OnlineRequest,
  chosen: Chosen,
  key: Column,
  rows: readonly { readonly key: Value; readonly values: readonly Value[] | undefined }[],
  manifest: Manifest,
  stale: boolean,
): Pick<OnlineAnswer, 'columns' | 'rows'> => {
  const status = request.include?.includes('status') === true;
  const time = request.include?.includes('event_time') === true;
  const columns: Column[] = [
    key,
    ...(time ? [{ name: 'event_time', type: { kind: 'timestamp' }, role: 'time' } as const] : []),
    ...chosen.columns,
    ...(status ? chosen.columns.map((c): Column => ({ name: `${c.name}.status`, type: STATE, role: 'flag' })) : []),
  ];
  const stateOf = (values: readonly Value[] | undefined, i: number): ValueState =>
    !values ? 'missing' : stale ? 'stale' : (values[i] ?? null) === null ? 'null' : 'present';
  return {
    columns,
    rows: rows.map(({ key: shown, values }) => [
      shown,
      ...(time ? [values ? manifest.asOf : null] : []),
      ...chosen.columns.map((_, i) => (stale ? null : (values?.[i] ?? null))),
      ...(status ? chosen.columns.map((_, i) => stateOf(values, i)) : []),
    ]),
  };
};

/** The same values computed for this caller alone, at the instant of those in the store. */
const computed = async (chosen: Chosen, request: OnlineRequest, manifest: Manifest, context: OnlineContext) => {
  const { caller, options, access, model, limits, parts, admission, began } = context;
  const entity = chosen.entities[0];
  const column = entity ? keyColumn(entity) : '';
  const rows = request.entities.map((row) => ({ [column]: row[column] ?? null }));
  const spine = spineOfRows(rows, chosen.entities, model.catalogue, manifest.asOf);
  const plan = pullFor(chosen, spine, model, access, 'auto');
  const answer = await answerPull(plan, admission, { caller, options, limits, parts, asked: began });
  const found: { key: Value; values: readonly Value[] | undefined }[] = [];
  for await (const batch of answer.rows)
    for (let row = 0; row < batch.length; row++) {
      const [shown = null, ...values] = batch.columns.map((c) => c[row] ?? null);
      found.push({ key: shown, values: values.every((v) => v === null) ? undefined : values });
    }
  return { key: answer.columns[0] as Column, rows: found, provenance: answer.provenance() };
};

/** Answers from what was materialized. Errors: those of `chooseFeatures` and of the reader, `query-invalid`, `not-supported`. */
export const online = async (request: OnlineRequest, context: OnlineContext): Promise<OnlineAnswer> => {
  const { caller, options, access, model, parts, reader, began } = context;
  const chosen = chooseFeatures(request, model.catalogue, access);
  const { name, whole } = setOf(chosen, model);
  const entity = whole.entities[0];
  if (!entity) throw error('internal', {}, new Error(`${name} has no entity`));
  const column = keyColumn(entity);
  const type = model.catalogue.members.get(entity.key)?.type ?? { kind: 'string' as const };
  const keys = request.entities.map((row, i) => {
    const other = Object.keys(row).find((n) => n !== column);
    if (other !== undefined)
      throw error('query-invalid', { where: `entities[${i}].${other}`, what: `only ${column} is wanted here` });
    const text = keyText(row[column], type, i, column);
    if (text === null) throw error('query-invalid', { where: `entities[${i}].${column}`, what: 'is missing' });
    return text;
  });
  const age = request.max_age === undefined ? undefined : durationOf(request.max_age);
  if (request.max_age !== undefined && age === undefined)
    throw error('query-invalid', { where: 'max_age', what: 'a length of time is wanted, such as 1h or 7d' });
  const policies = sharedWith(chosen, name, context);
  const reading = await reader.read(whole, name, policies === 'restricted' ? [] : keys);
  const { manifest } = reading;
  const now = parts.now?.() ?? BigInt(Date.now()) * 1000n;
  const stale = age !== undefined && manifest.asOf < now - age;
  const about = { requestId: options.requestId, service: name, version: manifest.version };
  const made = { fingerprint: manifest.fingerprint, asOf: instantText(manifest.asOf), rows: keys.length };
  if (policies === 'restricted') {
    const own = await computed(chosen, request, manifest, context);
    const { tables, policies: spoke, modelVersion } = own.provenance;
    return {
      ...shaped(request, chosen, own.key, own.rows, manifest, stale),
      provenance: { ...about, ...made, source: 'source', tables, policies: spoke, modelVersion },
    };
  }
  const at = chosen.features.map((f) => whole.features.findIndex((g) => g.path === f.path));
  const shown = (text: string): Value =>
    type.kind === 'bigint' ? BigInt(text) : type.kind === 'integer' ? Number(text) : text;
  const rows = keys.map((key) => ({
    key: shown(key),
    values: reading.values.get(key) && at.map((i) => reading.values.get(key)?.[i] ?? null),
  }));
  parts.emit('query.answered', {
    surface: options.surface,
    subject: caller.subject,
    roles: caller.roles,
    plan: 'features',
    source: 'online',
    cached: false,
    rows: rows.length,
    milliseconds: performance.now() - began,
    members: chosen.features.map((f) => f.path),
    policies,
    requestId: options.requestId,
  });
  return {
    ...shaped(request, chosen, { name: column, type, role: 'dimension' }, rows, manifest, stale),
    provenance: {
      ...about,
      ...made,
      source: 'online',
      tables: manifest.tables,
      policies,
      modelVersion: manifest.modelVersion,
    },
  };
};
