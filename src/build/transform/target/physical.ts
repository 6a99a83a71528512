import type { Transform } from '../files/definition.js';
import { quoted } from '../sql-text.js';

/** PostgreSQL cuts names at 63 bytes without a word; a leaf's name has up to this much behind the table's (`__2010_12_01`). */
const LONGEST = 63 - 12;

/** The schema of a layer's physical tables: `phys_gold`. */
export const physicalSchemaOf = (layer: string): string => `phys_${layer}`;

/**
 * A model version's table: `"phys_gold"."fact_sales__v1__a91c02ff"`, schema-qualified and quoted. It lives as long as its
 * fingerprint (the first 8 characters of it stand in the name) and is changed in place.
 */
export const physicalName = (
  transform: Pick<Transform, 'layer' | 'table' | 'version'>,
  fingerprint: string,
): string => {
  const ending = `__v${transform.version}__${fingerprint.slice(0, 8)}`;
  // Contracts allow ASCII names only, so characters are bytes.
  const name = `${transform.table.slice(0, LONGEST - ending.length)}${ending}`;
  return `${quoted(physicalSchemaOf(transform.layer))}.${quoted(name)}`;
};
