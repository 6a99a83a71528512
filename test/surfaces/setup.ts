import type { TestProject } from 'vitest/node';
import { type Product, startProduct } from '../product.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Raw queries read PostgreSQL. */
    product: Omit<Product, 'output' | 'stop' | 'kill' | 'remove'>;
    /** Raw queries read the lake. */
    lakeProduct: Omit<Product, 'output' | 'stop' | 'kill' | 'remove'>;
  }
}

/** Two processes for all suites of the surfaces: the same data, raw read from either copy of gold. */
export default async (project: TestProject): Promise<() => Promise<void>> => {
  const started = await Promise.allSettled([startProduct(), startProduct({ env: { ASSAY_RAW: 'lake' } })]);
  const products = started.flatMap((s) => (s.status === 'fulfilled' ? [s.value] : []));
  const remove = async () => {
    await Promise.all(products.map((p) => p.remove()));
  };
  const [first, second] = products;
  if (!first || !second) {
    await remove();
    throw started.find((s) => s.status === 'rejected')?.reason;
  }
  const shared = ({ home, pid, http, sqlPort, tokens }: Product) => ({ home, pid, http, sqlPort, tokens });
  project.provide('product', shared(first));
  project.provide('lakeProduct', shared(second));
  return remove;
};
