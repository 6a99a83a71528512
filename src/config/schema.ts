import { SETTINGS } from './index.js';

/** JSON Schema of the settings, for editors and deployment checks; kept in schema/config.schema.json. */
export const configSchema = (): Record<string, unknown> => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Settings of Assay (environment variables)',
  type: 'object',
  properties: Object.fromEntries(
    Object.values(SETTINGS).map((s) => [
      s.name,
      { type: 'string', description: s.doc, ...(s.secret ? { writeOnly: true } : {}) },
    ]),
  ),
});
