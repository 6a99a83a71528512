import { resolve } from 'node:path';
import type { Command } from 'commander';
import { error } from '../../errors/index.js';
import { checkModel, type Fault } from '../../model/cube/index.js';
import { type Context, withApp } from '../context.js';
import { readRun } from '../home.js';
import { diffCommand } from './diff-command.js';
import { modelState } from './state.js';
import { testCommand } from './test-command.js';

const WAIT_MILLISECONDS = 60_000;

/** `file:line: what`, a line each: what editors and CI read. */
export const faultLines = (faults: readonly Fault[]): string =>
  faults.map(({ file, line, what }) => `${file}:${line}: ${what}\n`).join('');

const check = async (c: Context, dir: string | undefined, tables: boolean): Promise<void> => {
  const folder = dir === undefined ? (readRun(c.home)?.model ?? c.config.model) : resolve(dir);
  const began = performance.now();
  const { faults, model } = await checkModel(folder);
  const missing = model && tables ? await withApp(c, (app) => app.prove(model), undefined, model) : [];
  const all = [...faults, ...missing];
  if (all.length > 0) process.exitCode = 1;
  const milliseconds = Math.round(performance.now() - began);
  if (c.json) {
    c.out(
      `${JSON.stringify({ model: folder, version: model?.catalogue.version ?? null, faults: all, milliseconds })}\n`,
    );
    return;
  }
  if (all.length > 0) c.out(`${faultLines(all)}${all.length} fault${all.length === 1 ? '' : 's'} in ${folder}\n`);
  else if (model) {
    const { owners, members, rollups, version } = model.catalogue;
    c.out(
      `${folder}: ${owners.size} cubes and views, ${members.size} members, ${rollups.length} rollups; version ${version}; no faults (${milliseconds} ms)\n`,
    );
  }
};

const reload = async (c: Context): Promise<void> => {
  const run = readRun(c.home);
  if (!run) throw error('not-running', { home: c.home.dir });
  const before = modelState(c.home);
  process.kill(run.pid, 'SIGHUP');
  const late = performance.now() + WAIT_MILLISECONDS;
  for (let state = modelState(c.home); performance.now() < late; state = modelState(c.home)) {
    const over = state && state.attempt > (before?.attempt ?? 0) && !state.reading;
    if (state && over) {
      if (state.refused) process.exitCode = 1;
      const replaced = before?.version !== state.version;
      c.out(
        c.json
          ? `${JSON.stringify({ version: state.version, replaced, refused: state.refused ?? [] })}\n`
          : state.refused
            ? `${faultLines(state.refused)}the model was not replaced; version ${state.version} stays in use\n`
            : `model ${state.version} ${replaced ? 'is in use now' : 'was in use already'}\n`,
      );
      return;
    }
    await new Promise((done) => setTimeout(done, 50));
  }
  throw error('time-limit', { milliseconds: WAIT_MILLISECONDS });
};

type Given = (flags: { json?: boolean }) => Context;

/** `assay model …`. */
export const modelCommands = (cli: Command, context: Given): void => {
  const group = cli
    .command('model')
    .description('check, test and compare semantic models')
    .exitOverride((thrown) => {
      throw thrown;
    });
  const command = (name: string, description: string) =>
    group
      .command(name)
      .description(description)
      .allowExcessArguments(false)
      .option('--json', 'print JSON')
      .exitOverride((thrown) => {
        throw thrown;
      });
  command('check', 'read a model and tell every fault with file and line; exit code 1 when there is one')
    .argument('[dir]', 'folder of the model (default: the one in use)')
    .option('--tables', 'ask the warehouse for every column and table that it names')
    .action((dir: string | undefined, flags: { json?: boolean; tables?: boolean }) =>
      check(context(flags), dir, flags.tables === true),
    );
  command('reload', 'let the running server read its model again').action((flags: { json?: boolean }) =>
    reload(context(flags)),
  );
  testCommand(command, context);
  diffCommand(command, context);
};
