/** One sale, as the raw table of the tests holds it. Amounts are in pence, times in microseconds since 1970 UTC. */
export interface Sale {
  readonly country: string | null;
  readonly lineType: string;
  readonly quantity: number;
  /** In thousandths. */
  readonly price: bigint;
  readonly soldAt: bigint;
  readonly invoice: string;
  readonly pence: bigint;
}

const COUNTRIES = ['France', 'Germany', 'Norway', 'Österreich', "Côte d'Or", null, 'EIRE', 'france'];

/** Deterministic rows: nulls, returns, quotes, accents, and times on both sides of midnight and of a clock change. */
export const SALES: readonly Sale[] = Array.from({ length: 400 }, (_, i): Sale => {
  const quantity = ((i * 7) % 23) - 4;
  const price = BigInt(250 + ((i * 131) % 9000));
  const hours = (i * 37) % (24 * 200);
  return {
    country: COUNTRIES[(i * i + i) % COUNTRIES.length] ?? null,
    lineType: i % 9 === 0 ? 'service' : 'product',
    quantity,
    price,
    soldAt: BigInt(Date.UTC(2010, 10, 20, 22, 30)) * 1000n + BigInt(hours) * 3_600_000_000n + BigInt(i % 3),
    invoice: `${quantity < 0 ? 'C' : ''}${536_000 + Math.floor(i / 3)}`,
    pence: (BigInt(quantity) * price) / 10n,
  };
});

const literal = (text: string | null) => (text === null ? 'NULL' : `'${text.replaceAll("'", "''")}'`);

/** The same rows in a plain table, for statements written by hand. */
export const rawTable = (): string => `
  CREATE TABLE raw_sales (country text, line_type text, is_return boolean, quantity integer, unit_price numeric(10,3),
    sold_at timestamptz, day date, invoice text, amount numeric(18,2));
  INSERT INTO raw_sales VALUES ${SALES.map((s) => {
    const at = `timestamptz '2000-01-01 00:00+00' + interval '1 microsecond' * ${s.soldAt - 946_684_800_000_000n}`;
    return `(${literal(s.country)}, ${literal(s.lineType)}, ${s.quantity < 0}, ${s.quantity}, ${s.price} * 0.001, ${at},
      (${at})::date, ${literal(s.invoice)}, ${s.pence} * 0.01)`;
  }).join(',\n')}`;
