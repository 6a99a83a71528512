import { Command } from 'commander';
import type { Config } from '../../config/index.js';
import { homeAt } from '../home.js';
import { lakeCommands } from './commands.js';

/** The command line of `assay lake` alone: a folder's rows are read without loading the service. */
export const lakeProgram = (config: () => Config, root: string): Command => {
  const cli = new Command('assay').showHelpAfterError().exitOverride((thrown) => {
    throw thrown;
  });
  lakeCommands(cli, ({ json }) => {
    const read = config();
    return {
      ...{ config: read, root, home: homeAt(read.home, read.lake), json: json === true },
      out: (text) => process.stdout.write(text),
      note: (text) => process.stderr.write(`${text}\n`),
    };
  });
  return cli;
};
