#!/usr/bin/env node
// Builds when sources are newer, then runs the compiled command line.
import { build, isBuilt } from './build.js';

if (!isBuilt() && !build()) process.exit(1);
const { main } = await import('../dist/main.js');
await main(process.argv.slice(2));
