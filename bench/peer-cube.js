// A peer: Cube's own getSql for each request and its statement run on a DuckDB rollup table, behind bare node:http, without policies.
import http from 'node:http';
import { createRequire } from 'node:module';

for (const name of Object.keys(process.env))
  if (name.startsWith('CUBEJS_') || name === 'REDIS_URL') delete process.env[name];
process.env.CUBEJS_TESSERACT_SQL_PLANNER = 'false';
process.env.CUBEJS_DB_TYPE = 'duckdb';
const require = createRequire(import.meta.url);
const { CubejsServerCore } = require('@cubejs-backend/server-core');
const { CompilerApi } = require('@cubejs-backend/server-core/dist/src/core/CompilerApi');
const { DuckDBDriver } = require('@cubejs-backend/duckdb-driver');

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const rows = JSON.parse(Buffer.concat(chunks).toString()).rows;

const model = `
cubes:
  - name: retail
    sql_table: retail
    dimensions:
      - {name: country, sql: country, type: string, primary_key: true, public: true}
    measures:
      - {name: net_revenue, sql: amount, type: sum}
      - {name: lines, sql: lines, type: sum}
`;
class WithoutNative extends CompilerApi {
  createNativeInstance() {
    const refuse = () => {
      throw new Error('not used');
    };
    return { newJinjaEngine: () => ({ loadTemplate() {}, renderTemplate: refuse }), loadPythonContext: refuse };
  }
}
class Core extends CubejsServerCore {
  createCompilerApi(repository, o = {}) {
    return new WithoutNative(repository, o.dbType || this.options.dbType, {
      schemaVersion: o.schemaVersion,
      contextToGroups: this.options.contextToGroups,
      devServer: false,
      logger: this.logger,
      externalDbType: o.externalDbType,
      preAggregationsSchema: o.preAggregationsSchema,
      allowUngroupedWithoutPrimaryKey: true,
      compileContext: o.context,
      dialectClass: o.dialectClass,
      externalDialectClass: o.externalDialectClass,
      sqlCache: true,
      standalone: this.standalone,
      allowNodeRequire: true,
    });
  }
}
const driver = new DuckDBDriver({});
await driver.query('CREATE TABLE retail (country VARCHAR, amount DECIMAL(18,2), lines BIGINT)');
for (const [country, amount, lines] of rows)
  await driver.query(`INSERT INTO retail VALUES ('${String(country).replaceAll("'", "''")}', ${amount}, ${lines})`);
const core = new Core({
  driverFactory: () => driver,
  dialectFactory: () => DuckDBDriver.dialectClass(),
  repositoryFactory: () => ({
    localPath: () => 'model',
    dataSchemaFiles: async () => [{ fileName: 'retail.yml', content: model }],
  }),
  apiSecret: 'x',
  devServer: false,
  telemetry: false,
  scheduledRefreshTimer: false,
  cacheAndQueueDriver: 'memory',
  logger: () => {},
});
const api = await core.getCompilerApi({ securityContext: {}, requestId: 'r', authInfo: {} });
const query = {
  measures: ['retail.net_revenue', 'retail.lines'],
  dimensions: ['retail.country'],
  timezone: 'UTC',
  filters: [],
  timeDimensions: [],
  order: [{ id: 'retail.net_revenue', desc: true }],
  rowLimit: 25,
};
const server = http.createServer((request, response) => {
  request.resume().on('end', async () => {
    const { sql } = await api.getSql(query);
    const [text, parameters] = sql;
    const data = await driver.query(text, parameters);
    const body = JSON.stringify({ data });
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
    response.end(body);
  });
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`port ${server.address().port}\n`));
