import type { Reporter, TestModule } from 'vitest/node';

/** Closes with one plain line, prints the reason of every skipped test, and makes a skip a failure where CI=true. */
export default class PlainReport implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    let passed = 0;
    let failed = 0;
    let skipped = 0;
    for (const module of modules) {
      if (module.errors().length > 0) failed += 1;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'passed') passed += 1;
        else if (result.state === 'failed') failed += 1;
        else {
          skipped += 1;
          const note = result.state === 'skipped' ? result.note : undefined;
          process.stdout.write(`skipped: ${test.fullName}${note ? ` (${note})` : ''}\n`);
        }
      }
    }
    if (skipped > 0 && process.env['CI'] === 'true') {
      process.stdout.write('with CI=true a skipped test is a failure\n');
      process.exitCode = 1;
    }
    if (process.env['CI'] !== 'true')
      process.stdout.write('with CI=true also: the kills of test/faults, and what takes long (*.long.test.ts)\n');
    process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  }
}
