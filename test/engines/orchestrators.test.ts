import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const examples = resolve(import.meta.dirname, '../../examples');
const python = (parameters: readonly string[], input = '') =>
  spawnSync('python3', parameters, {
    cwd: examples,
    encoding: 'utf8',
    input,
    // `assay` there is a stand-in that answers as it is told
    env: {
      ...process.env,
      PATH: `${join(examples, 'test')}:${process.env['PATH']}`,
      PYTHONPATH: examples,
      PYTHONDONTWRITEBYTECODE: '1',
    },
  });
const there = python(['--version']).status === 0;

/** Dagster and Airflow themselves are installed by `examples/check.sh` alone: they take minutes, and nothing of Assay needs them. */
describe('the examples for orchestrators', () => {
  it('keep their promises about exit codes, events and interruption', ({ skip }) => {
    skip(!there, 'python3 is not installed');
    const { status, stderr } = python(['test/test_cli.py']);
    expect(stderr).toMatch(/Ran [1-9]\d* tests[\s\S]*OK/);
    expect(status).toBe(0);
  });

  it('are Python that compiles', ({ skip }) => {
    skip(!there, 'python3 is not installed');
    const files = readdirSync(examples, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.py'));
    expect(files.length).toBeGreaterThan(4);
    for (const file of files) {
      const { status, stderr } = python(
        ['-c', 'import ast, sys; ast.parse(sys.stdin.read())'],
        readFileSync(join(examples, file), 'utf8'),
      );
      expect([file, status, stderr]).toEqual([file, 0, '']);
    }
  });
});
