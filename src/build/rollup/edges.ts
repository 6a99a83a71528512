import type { Catalogue } from '../../model/catalog/index.js';
import type { LegCompiler } from '../../model/cube/index.js';
import { chosenFor, versionsOf } from './chosen.js';
import type { RollupDuckDb } from './duckdb.js';
import type { RollupEdge } from './inventory.js';
import type { Manifest } from './manifest.js';
import { movedScope } from './moved.js';
import type { BuildRollupsOptions, PublishedTables } from './options.js';
import { rawReader, wholeLeg } from './raw.js';
import type { Shelves } from './reading.js';

/** Where a node finds what moved in the source of its rollups at a publication; undefined for one that it no longer knows. */
export type SourcesAt = (publication: PublishedTables) => Pick<BuildRollupsOptions, 'source' | 'others'> | undefined;

export interface EdgeParts {
  readonly duckdb: RollupDuckDb;
  readonly sourcesAt: SourcesAt;
  readonly model: () => { readonly catalogue: Catalogue; readonly legs: LegCompiler };
}

const MOST_KEPT = 64;

/**
 * The moving edge of rollups: which partitions may differ from what is published of the tables by now. Found once for each set and
 * publication, from the files that came and went; asking again reads nothing.
 */
export const openEdges = (parts: EdgeParts) => {
  const known = new Map<string, Promise<RollupEdge | undefined>>();
  const closing = new AbortController();
  const find = async (
    of: Shelves,
    manifest: Manifest,
    publication: PublishedTables,
  ): Promise<RollupEdge | undefined> => {
    const layout = of.layouts.get(manifest.rollup);
    if (!layout) return undefined;
    const { catalogue, legs } = parts.model();
    const sources = parts.sourcesAt(publication);
    if (!sources) return undefined;
    const { tables } = legs.compile(wholeLeg(layout), 'duckdb');
    const { source } = chosenFor(sources, tables);
    if (source.here !== true) return undefined; // its rows could not be read beside partitions
    const raw = rawReader(legs, source, parts.duckdb);
    const root = catalogue.tables.get(layout.definition.cube);
    const scope = await movedScope(
      { layout, source, raw, root, signal: closing.signal },
      manifest,
      versionsOf({ publication }, tables),
    );
    return scope && Object.freeze({ rollup: manifest.rollup, builtFrom: manifest.builtFrom, ...scope });
  };
  return {
    /** Edges of the rollups whose tables moved. One that is not among them has moved in a way that has no edge. */
    of: async (
      shelves: Shelves,
      manifests: ReadonlyMap<string, Manifest>,
      publication: PublishedTables,
    ): Promise<ReadonlyMap<string, RollupEdge>> => {
      const found = new Map<string, RollupEdge>();
      for (const [id, manifest] of manifests) {
        const moved = Object.entries(manifest.builtFrom).filter(
          ([table, version]) => publication.tables.get(table)?.dataVersion !== version,
        );
        if (moved.length === 0) continue;
        const key = JSON.stringify([id, manifest.layout, manifest.builtAt, manifest.fence, publication.revision]);
        const edge = known.get(key) ?? find(shelves, manifest, publication);
        if (!known.has(key) && known.size >= MOST_KEPT) known.delete(known.keys().next().value ?? '');
        known.set(key, edge);
        edge.catch(() => known.delete(key));
        const made = await edge;
        if (made) found.set(id, made);
      }
      return found;
    },
    close: () => closing.abort(),
  };
};
