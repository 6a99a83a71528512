// Timing of small work: batches long enough for the clock, three runs, median and 99th percentile.

/** Median and p99 of a list of numbers. */
export const spread = (samples) => {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
};

/** Milliseconds of each call of `work(i)`, after a warm-up that is not counted. The middle of three runs by median. */
export const timed = async (count, work, warmup = Math.ceil(count / 10)) => {
  for (let i = 0; i < warmup; i++) await work(i);
  const runs = [];
  for (let run = 0; run < 3; run++) {
    const samples = [];
    for (let i = 0; i < count; i++) {
      const began = process.hrtime.bigint();
      await work(warmup + run * count + i);
      samples.push(Number(process.hrtime.bigint() - began) / 1e6);
    }
    runs.push(spread(samples));
  }
  return runs.sort((a, b) => a.p50 - b.p50)[1];
};

/** The same for synchronous work, in batches, so that the clock's own cost does not count. */
export const timedSync = (count, batch, work) => {
  for (let i = 0; i < count; i++) work(i);
  const runs = [];
  for (let run = 0; run < 3; run++) {
    const samples = [];
    for (let i = 0; i < count / batch; i++) {
      const began = process.hrtime.bigint();
      for (let j = 0; j < batch; j++) work(i * batch + j);
      samples.push(Number(process.hrtime.bigint() - began) / 1e6 / batch);
    }
    runs.push(spread(samples));
  }
  return runs.sort((a, b) => a.p50 - b.p50)[1];
};

/** Milliseconds of some work, by the clock and by processor time of all threads of this process. */
export const clocked = async (work) => {
  const [began, used] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(used);
  return { time: performance.now() - began, cpu: (user + system) / 1000 };
};

/** The least of some rounds, each of which does all works one after the other; null where there is no peer. */
export const bestRounds = async (count, works) => {
  const found = works.map(() => []);
  for (let round = 0; round < count; round++) for (const [i, work] of works.entries()) found[i].push(await work(round));
  const least = (list, kind) => Math.min(...list.map((one) => one[kind]));
  return found.map((list) => (list.includes(null) ? null : { time: least(list, 'time'), cpu: least(list, 'cpu') }));
};

/** The last line of a benchmark: its rows, for bench/run.js. */
export const report = (rows) => process.stdout.write(`${JSON.stringify(rows)}\n`);
