import { join } from 'node:path';
import type { Command } from 'commander';
import { error } from '../../errors/index.js';
import { loadModel } from '../../model/cube/index.js';
import { noEmit } from '../../query/index.js';
import { besideServer, type Context, withApp } from '../context.js';
import { readRun } from '../home.js';
import { runModelTests, testFiles } from './run-tests.js';

const test = async (c: Context, paths: readonly string[], select: string | undefined): Promise<void> => {
  const config = besideServer(c.config, readRun(c.home));
  const began = performance.now();
  const files = await testFiles(paths.length > 0 ? paths : [join(config.model, 'tests')]);
  const model = await loadModel(config.model);
  const results = await runModelTests({
    model,
    files,
    transforms: config.transforms,
    select,
    emit: noEmit,
    published: (work) =>
      withApp(
        c,
        (app) => {
          if (app.publication().revision === 0)
            throw error('usage', {
              text: 'tests ask for published tables, and this home has none: build it (assay start loads the demo)',
            });
          return work(app.ask);
        },
        undefined,
        model,
      ),
  });
  if (results.length === 0) throw error('usage', { text: `no test has ${select} in its file or name` });
  const failed = results.filter((r) => r.status === 'fail');
  if (failed.length > 0) process.exitCode = 1;
  const milliseconds = Math.round(performance.now() - began);
  if (c.json) {
    c.out(
      `${JSON.stringify({ passed: results.length - failed.length, failed: failed.length, milliseconds, results })}\n`,
    );
    return;
  }
  for (const { file, line, name, message } of failed) c.out(`${file}:${line}: ${name}: ${message}\n`);
  c.out(`${results.length - failed.length} passed, ${failed.length} failed (${milliseconds} ms)\n`);
};

/** `assay model test`. */
export const testCommand = (
  command: (name: string, description: string) => Command,
  context: (flags: { json?: boolean }) => Context,
): void => {
  command('test', 'run the tests of a model: questions over given rows, and the rows that they have to give')
    .argument('[paths...]', 'files or folders of tests (default: tests/ of the model)')
    .option('--select <text>', 'only tests whose file or name holds this')
    .action((paths: readonly string[], flags: { json?: boolean; select?: string }) =>
      test(context(flags), paths, flags.select),
    );
};
