import { error } from '../../../errors/index.js';
import { DIALECTS, type DialectName } from '../files/definition.js';
import type { RouteLimits } from '../step/route.js';

/** Engines that were asked for by hand: an id, or a pattern with `*`, to the engine; of several that fit the last one counts. */
export type EnginePins = ReadonlyMap<string, DialectName>;

export interface EnginePin {
  readonly engine: DialectName;
  /** False: it came by a pattern, which says nothing against tables that the engine cannot make. */
  readonly byName: boolean;
}

/** Whether a table is meant by an id, or by a pattern in which `*` stands for anything. */
export const fits = (pattern: string, id: string): boolean =>
  pattern === id ||
  (pattern.includes('*') &&
    new RegExp(`^${pattern.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`).test(id));

/** The engine that was asked for by hand for a table. */
export const pinOf = (pins: EnginePins, id: string): EnginePin | undefined => {
  const found = [...pins].findLast(([pattern]) => fits(pattern, id));
  return found && { engine: found[1], byName: found[0] === id };
};

/** Reads pins as they are typed: `gold.fact_sales=spark`, `gold.*=duckdb`. Errors: `usage`. */
export const readPins = (texts: readonly string[]): EnginePins => {
  const pins = new Map<string, DialectName>();
  for (const text of texts) {
    const [pattern = '', name = ''] = text.split('=').map((part) => part.trim());
    const engine = DIALECTS.find((dialect) => dialect === name);
    if (pattern === '' || engine === undefined || text.split('=').length !== 2)
      throw error('usage', {
        text: `--engine wants a table or a pattern and one of ${DIALECTS.join(', ')}, such as gold.*=spark, not ${text}`,
      });
    pins.delete(pattern);
    pins.set(pattern, engine);
  }
  return pins;
};

/** Refuses pins that fit no table: a name that is mistyped must not look as if it had been heeded. Errors: `usage`. */
export const checkPins = (pins: EnginePins, ids: readonly string[]): void => {
  for (const pattern of pins.keys())
    if (!ids.some((id) => fits(pattern, id)))
      throw error('usage', { text: `--engine ${pattern}: there is no such table; tables are ${ids.join(', ')}` });
};

/** What the choice of engines is made by, the same for a whole command. */
export interface EngineRules {
  readonly limits: RouteLimits;
  readonly pins: EnginePins;
}
