import type { App } from '../app.js';
import { demoMark } from './home.js';

/** What the demo loads: the real sample, shipped beside the model. */
export interface Demo {
  readonly file: string;
  readonly progress: (message: string) => void;
}

/**
 * Loads the sample into an empty home: bronze, silver, gold, rollups. Every step is safe to repeat, so a start after a kill, at any
 * moment, completes it.
 */
export const loadDemo = async (app: App, demo: Demo): Promise<void> => {
  const mark = demoMark(app.home);
  demo.progress('loading the sample of real orders into bronze');
  const batch = await app.ingest({ file: demo.file, source: 'online_retail' });
  demo.progress(
    `${batch.read} lines read, ${batch.rows} in bronze, ${batch.rejected} rejected; building silver and gold`,
  );
  const built = await app.build();
  demo.progress(`revision ${built.revision} published, ${built.rollups} rollups proven equal to raw`);
  mark.done();
};
