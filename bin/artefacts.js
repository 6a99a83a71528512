#!/usr/bin/env node
// Writes what is generated from the sources and kept in schema/: settings, model files, OpenAPI, the GraphQL schema of the shipped model for `admin`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, isBuilt } from './build.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
if (!isBuilt() && !build()) process.exit(1);
const { configSchema } = await import('../dist/config/schema.js');
const { openApiDocument } = await import('../dist/serve/rest/index.js');
const { schemaText } = await import('../dist/serve/graphql/index.js');
const { featureSchema, loadModel, modelSchema } = await import('../dist/model/cube/index.js');
const { transformSchema } = await import('../dist/build/transform/files/transform-schema.js');
const { accessOf } = await import('../dist/model/policy/index.js');
const { localCaller } = await import('../dist/query/index.js');

const { catalogue } = await loadModel(join(root, 'model'));
mkdirSync(join(root, 'schema/api'), { recursive: true });
const write = (path, text) => writeFileSync(join(root, 'schema', path), text.endsWith('\n') ? text : `${text}\n`);
write('config.schema.json', JSON.stringify(configSchema(), null, 2));
write('model.schema.json', JSON.stringify(modelSchema(), null, 2));
write('features.schema.json', JSON.stringify(featureSchema(), null, 2));
write('transform.schema.json', JSON.stringify(transformSchema(), null, 2));
write('api/openapi.json', JSON.stringify(openApiDocument(), null, 2));
write('api/schema.graphql', schemaText(catalogue, accessOf(catalogue, localCaller(['admin']))));
process.exit(0);
