/** Bytes of a size as the settings have it: `512MB`, `2GB`, of 1,000 each, as DuckDB reads them. */
export const bytesOf = (size: string): number =>
  Math.floor(Number.parseFloat(size) * (size.endsWith('GB') ? 1e9 : size.endsWith('MB') ? 1e6 : 1e3));
