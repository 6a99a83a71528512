import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

/** What runs is compiled JavaScript, so tests that start processes need it built from the sources at hand. */
export default (): void => {
  if (process.env['ASSAY_TEST_BUILT'] === '1') return; // the caller has built, or runs unit tests only
  const root = resolve(import.meta.dirname, '..');
  const built = spawnSync(process.execPath, [resolve(root, 'bin/build.js')], { cwd: root, stdio: 'inherit' });
  if (built.status !== 0) throw new Error('the sources do not compile');
};
