#!/usr/bin/env node
// Builds when sources are newer, then runs the compiled command line.
import { build, isBuilt } from './build.js';

// DuckDB's statements and Node's file calls share libuv's threads; four are too few, and the number is read at the first use.
process.env.UV_THREADPOOL_SIZE ??= '16';

if (!isBuilt() && !build()) process.exit(1);
const { main } = await import('../dist/main.js');
await main(process.argv.slice(2));
