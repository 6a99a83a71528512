import type { Telemetry } from '../telemetry/index.js';
import type { Context } from './context.js';

const WIDTH = 24;

/** A bar of fixed width: `[######------------------] 6/24`. */
export const bar = (done: number, of: number): string => {
  const full = of === 0 ? WIDTH : Math.round((WIDTH * done) / of);
  return `[${'#'.repeat(full)}${'-'.repeat(WIDTH - full)}] ${done}/${of}`;
};

/** Shows how far a run is: a bar on a terminal, lines where output is kept, JSON lines with --json. Gives the way to stop. */
export const followRun = (c: Context, telemetry: Telemetry): (() => void) => {
  const terminal = process.stderr.isTTY === true && !c.json;
  const tell = (event: string, of: object): void => c.out(`${JSON.stringify({ event, ...of })}\n`);
  const ends = [
    telemetry.subscribe('transform.step', (e) => {
      const what = `${e.model}: ${e.rows} rows${e.partitions === undefined || e.partitions < 2 ? '' : ` in ${e.partitions} partitions`}, ${e.milliseconds} ms on ${e.engine}`;
      if (!c.json) c.note(terminal ? `\r\u001b[K${what}` : what);
    }),
    telemetry.subscribe('transform.computing', (e) => {
      if (c.json) tell('computing', e);
      else if (terminal)
        process.stderr.write(`\r\u001b[K${bar(e.completed, e.tasks)} tasks of ${e.model} on ${e.engine}`);
    }),
    telemetry.subscribe('transform.settled', (e) => {
      if (c.json) tell('step', e);
    }),
    telemetry.subscribe('transform.progress', (e) => {
      if (c.json) tell('progress', e);
      else if (terminal) process.stderr.write(`\r\u001b[K${bar(e.done, e.of)} ${e.model}`);
    }),
  ];
  return () => {
    if (terminal) process.stderr.write('\r\u001b[K');
    for (const end of ends) end();
  };
};
