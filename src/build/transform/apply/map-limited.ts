/** Does the work for each item, at most `limit` at a time, and gives the results in the items' order. The first error ends it, after what runs has ended. */
export const mapLimited = async <T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> => {
  const results: R[] = new Array(items.length);
  let next = 0;
  let failed = false;
  const lane = async (): Promise<void> => {
    while (!failed && next < items.length) {
      const at = next++;
      const item = items[at];
      if (item === undefined) continue;
      try {
        results[at] = await work(item);
      } catch (thrown) {
        failed = true;
        throw thrown;
      }
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: Math.max(1, Math.min(limit, items.length)) }, lane));
  const broken = lanes.find((l) => l.status === 'rejected');
  if (broken) throw broken.reason;
  return results;
};
