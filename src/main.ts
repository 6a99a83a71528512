import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommanderError } from 'commander';
import { processConfig } from './config/index.js';
import { toAssayError } from './errors/index.js';

/** The process: parses the command line, prints errors as sentences, sets the exit code. */
export const main = async (argv: readonly string[]): Promise<void> => {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  // Readers of a pipe may go away (`assay query … | head`); that is no fault of ours.
  process.stdout.on('error', (thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'EPIPE') process.exit(0);
    throw thrown;
  });
  const json = argv.includes('--json');
  try {
    // The service is large: it is loaded for what needs it.
    const make =
      argv[0] === 'lake'
        ? (await import('./cli/lake/program.js')).lakeProgram
        : (await import('./cli/program.js')).program;
    await make(() => processConfig(root), root).parseAsync([...argv], { from: 'user' });
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      process.exitCode = thrown.exitCode === 0 ? 0 : 2;
      return;
    }
    const shown = toAssayError(thrown);
    if (json)
      process.stdout.write(
        `${JSON.stringify({ error: { code: shown.parameters['code'] ?? shown.code, message: shown.message, hint: shown.hint ?? null } })}\n`,
      );
    else process.stderr.write(`assay: ${shown.message}${shown.hint ? `\n  ${shown.hint}` : ''}\n`);
    if (shown.code === 'internal')
      process.stderr.write(`${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}\n`);
    process.exitCode = shown.exit;
  }
};
