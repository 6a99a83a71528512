import type { KnownColumn } from './check-reader.js';
import type { ContractColumn, Scd2 } from './definition.js';
import type { YamlNode } from './yaml-reader.js';

export const SCD2_FIELDS = 'key track history updated_at deletes deleted valid_from valid_to current version'.split(
  ' ',
);
export const DELETES = ['ignore', 'close', 'tombstone'] as const;

type Fields = ReadonlyMap<string, YamlNode>;

const IDENTIFIER = /^[a-z_][a-z0-9_]*$/;

/** One name or a list of names. */
const keyOf = (node: YamlNode, known: KnownColumn): string[] =>
  (node.isList() ? node.list('scd2.key') : [node]).map((item) => known(item.text('scd2.key'), item));

/** Checks that a column of the history has a type that can hold it. */
const typed = (
  at: YamlNode,
  column: ContractColumn | undefined,
  field: string,
  kinds: readonly string[],
  nullable?: boolean,
): void => {
  if (!column) return;
  if (!kinds.includes(column.type.kind))
    throw at.fail(`scd2.${field} ${column.name} must be ${kinds.join(' or ')}; it is ${column.type.kind}`);
  if (nullable !== undefined && column.nullable !== nullable)
    throw at.fail(
      nullable
        ? `scd2.${field} ${column.name} must be nullable: it is null on the current version`
        : `scd2.${field} ${column.name} must not be nullable`,
    );
};

const checkAgreement = (f: Fields, scd2: Scd2): void => {
  const { history, updatedAt, deletes, deleted, key, track, validFrom } = scd2;
  const at = (field: string) => f.get(field);
  if (history && updatedAt !== undefined && updatedAt !== validFrom)
    throw at('updated_at')?.fail(`with history: true the time is the column ${validFrom}; take updated_at away`);
  if (history && deletes !== 'ignore')
    throw at('deletes')?.fail('with history: true the SELECT says when a row ends; take deletes away');
  if (deletes === 'tombstone' && deleted === undefined)
    throw at('deletes')?.fail('deletes: tombstone needs deleted: the boolean column that marks a row as deleted');
  if (deletes !== 'tombstone' && deleted !== undefined)
    throw at('deleted')?.fail('deleted is for deletes: tombstone only');
  const both = track.find((name) => key.includes(name));
  if (both !== undefined) throw at('track')?.fail(`${both} is part of scd2.key and cannot be tracked`);
};

/** How the versions of a row are kept. */
export const scd2Of = (node: YamlNode, columns: readonly ContractColumn[], known: KnownColumn): Scd2 => {
  const f: Fields = node.fields('scd2', SCD2_FIELDS);
  const need = (field: string): YamlNode => {
    const found = f.get(field);
    if (!found) throw node.fail(`scd2 needs ${field}`);
    return found;
  };
  const column = (field: string, kinds: readonly string[], nullable?: boolean): string | undefined => {
    const at = f.get(field);
    if (!at) return undefined;
    const name = known(at.text(`scd2.${field}`), at);
    typed(
      at,
      columns.find((each) => each.name === name),
      field,
      kinds,
      nullable,
    );
    return name;
  };
  const times = ['timestamp', 'date'];
  need('valid_from');
  need('valid_to');
  const track = need('track')
    .list('scd2.track')
    .map((item) => known(item.text('scd2.track'), item));
  if (track.length === 0) throw need('track').fail('scd2.track must name at least one column');
  const updated = f.get('updated_at');
  const updatedAt = updated?.text('scd2.updated_at');
  if (updated && updatedAt !== undefined && !IDENTIFIER.test(updatedAt))
    throw updated.fail(`scd2.updated_at ${updatedAt}: the name of a column of the SELECT is wanted`);
  const scd2: Scd2 = {
    key: keyOf(need('key'), known),
    track,
    history: f.get('history')?.boolean('scd2.history') ?? false,
    updatedAt,
    deletes: f.get('deletes')?.oneOf('scd2.deletes', DELETES) ?? 'ignore',
    deleted: column('deleted', ['boolean'], false),
    validFrom: column('valid_from', times, false) ?? '',
    validTo: column('valid_to', times, true) ?? '',
    current: column('current', ['boolean'], false),
    version: column('version', ['integer', 'bigint'], false),
  };
  if (scd2.key.length === 0) throw need('key').fail('scd2.key must name at least one column');
  checkAgreement(f, scd2);
  return scd2;
};
