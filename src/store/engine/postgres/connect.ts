import { error } from '../../../errors/index.js';

/**
 * Checks that an outside server answers and is new enough (`setting` names where the url came from, default ASSAY_POSTGRES_URL;
 * `atLeast` is a major version, default 15). Errors: `postgres-unavailable`, `config-invalid`.
 */
export const connectPostgres = async (
  _url: string,
  _wanted: { readonly setting?: string; readonly atLeast?: number } = {},
): Promise<{ readonly version: number; readonly superuser: boolean }> => {
  throw error('internal', {});
};
