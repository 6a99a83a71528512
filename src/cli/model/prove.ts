import { bindTables } from '../../answer/plan/index.js';
import { AssayError } from '../../errors/index.js';
import type { Catalogue } from '../../model/catalog/index.js';
import { type Fault, type LoadedModel, type Probe, probeOf, probes } from '../../model/cube/index.js';
import type { Column } from '../../query/index.js';
import type { Engine } from '../../store/engine/index.js';

/** Where raw rows are read: an engine, and the relation of each table in it. */
export interface RawSource {
  readonly engine: Engine;
  readonly resolve: (table: string) => string | Promise<string>;
}

/** PostgreSQL's words for what a model's text can be wrong about. */
const SAYS: Readonly<Record<string, string>> = {
  '42703': 'its SQL names a column that is not there',
  '42P01': 'it reads a table that is not there',
  '3F000': 'it reads a schema that is not there',
  '42883': 'its SQL calls a function or operator that does not exist for these types',
  '42601': 'its SQL has a syntax error',
  '42804': 'its SQL puts values of different types together',
};

const reasonOf = (failed: AssayError): string => {
  if (failed.code === 'not-supported') return failed.message;
  const { sqlstate, condition } = failed.parameters;
  const known = typeof sqlstate === 'string' ? SAYS[sqlstate] : undefined;
  const told = [condition, sqlstate].filter((part) => part !== undefined).join(', ');
  return known ?? `its SQL cannot be run${told === '' ? '' : ` (${told})`}; the log has the engine’s own message`;
};

const columnsOf = (probe: Probe, catalogue: Catalogue): readonly Column[] => {
  const members = probe.statement.members.length === 0 ? probe.members : probe.members;
  const of = (kind: string) =>
    members.flatMap((name) => {
      const member = catalogue.members.get(name);
      return member?.kind === kind ? [{ name, type: member.type, role: kind } as Column] : [];
    });
  return [...of('dimension'), ...of('measure')];
};

/** Asks the engine for no row of a probe. Gives its refusal, if it is one of the model. */
const refusal = async (
  probe: Probe,
  catalogue: Catalogue,
  source: RawSource,
  signal: AbortSignal | undefined,
): Promise<AssayError | undefined> => {
  try {
    const { sql, tables, parameters } = probe.statement;
    const relations = new Map<string, string>();
    for (const table of tables) relations.set(table, await source.resolve(table));
    const rows = await source.engine.run(
      {
        sql: bindTables(sql, tables, (table) => relations.get(table) ?? table),
        parameters,
        columns: columnsOf(probe, catalogue),
      },
      signal ? { signal } : {},
    );
    for await (const _ of rows);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof AssayError && (thrown.code === 'engine-failed' || thrown.code === 'not-supported'))
      return thrown;
    throw thrown;
  }
};

/**
 * Asks the engine that raw queries read, once for each cube and join and without reading a row, whether it has every column and
 * table that the model names. Gives what is missing, at the member's line. Errors: those of the engine that are no fault of a text.
 */
export const proveModel = async (
  { catalogue, legs }: LoadedModel,
  source: RawSource,
  signal?: AbortSignal,
): Promise<readonly Fault[]> => {
  const faults: Fault[] = [];
  const { dialect } = source.engine;
  for (const probe of probes(catalogue, legs, dialect)) {
    const refused = await refusal(probe, catalogue, source, signal);
    if (!refused) continue;
    const before = faults.length;
    if (probe.members.length > 1 && refused.code === 'engine-failed')
      for (const name of probe.members) {
        if (catalogue.members.get(name)?.owner !== probe.cube) continue;
        const alone = probeOf(catalogue, legs, probe.cube, [name], dialect);
        const why = await refusal(alone, catalogue, source, signal);
        if (why) faults.push({ ...alone.place, what: `${name}: ${reasonOf(why)}` });
      }
    const found = faults.length - before;
    // refused one by one as well: it is what all of them read
    if (found === 0 || found === probe.members.length) {
      faults.splice(before);
      faults.push({ ...probe.place, what: `${probe.cube}: ${reasonOf(refused)}` });
    }
  }
  return faults;
};
