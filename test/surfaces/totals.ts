/**
 * The control totals of the real sample that are metrics of the view `retail`: computed apart from this project, in two engines, and
 * once more by an independent reader. Nothing here comes from our own output.
 */
export const TOTALS: Readonly<Record<string, string>> = {
  net_revenue: '475412.72',
  gross_revenue: '538729.28',
  returns_value: '63316.56',
  invoices: '1150',
  orders: '994',
  return_invoices: '156',
  units_sold: '223270',
  units_returned: '12787',
  return_rate: '0.057271',
  average_order_value: '541.981167',
  customers: '713',
  active_customers: '666',
  repeat_customers: '138',
  // 138 / 666
  repeat_rate: '0.207207',
  products: '2577',
  lines: '27896',
};

export const NET_BY_COUNTRY: readonly (readonly [string, string])[] = [
  ['United Kingdom', '432570.00'],
  ['Germany', '7795.74'],
  ['Japan', '7705.07'],
  ['France', '7335.17'],
  ['EIRE', '6431.33'],
  ['Norway', '3787.12'],
];
export const INVOICES_BY_COUNTRY: readonly (readonly [string, string])[] = [
  ['United Kingdom', '1074'],
  ['Germany', '23'],
  ['Japan', '3'],
  ['France', '13'],
  ['EIRE', '12'],
  ['Norway', '2'],
];

export const DAYS = ['01', '02', '03', '05', '06', '07', '08', '09', '10', '12', '13'].map((d) => `2010-12-${d}`);
export const NET_BY_DAY = [
  '58451.56',
  '46088.32',
  '45575.38',
  '30973.63',
  '53653.87',
  '44994.70',
  '44035.22',
  '52494.14',
  '57303.01',
  '17037.50',
  '24805.39',
];
export const ORDERS_BY_DAY = ['127', '142', '68', '88', '102', '84', '116', '107', '77', '44', '39'];

export const TOP_PRODUCTS: readonly (readonly [string, string])[] = [
  ['22423', '18709.45'],
  ['21623', '6800.63'],
  ['22086', '6675.92'],
  ['82484', '6125.39'],
  ['85123A', '6070.58'],
];

/** Net revenue and lines by what the customer was at the sale. */
export const BY_SEGMENT: readonly (readonly [string, string, string])[] = [
  ['new', '316508.22', '15316'],
  ['at risk', '17663.36', '498'],
  ['champions', '15272.39', '647'],
  ['returns only', '10066.17', '1078'],
  ['loyal', '6122.83', '460'],
  ['lost', '1222.48', '78'],
  ['unknown', '108557.27', '9819'],
];
export const BY_TIER: readonly (readonly [string, string, string])[] = [
  ['bronze', '323984.61', '16559'],
  ['silver', '26149.66', '1338'],
  ['gold', '8891.66', '159'],
  ['platinum', '7829.52', '21'],
  ['unknown', '108557.27', '9819'],
];
/** Lines and net revenue without a customer; service lines and their net revenue; product lines' gross revenue, orders, average. */
export const NO_CUSTOMER = { lines: '9819', net_revenue: '108557.27' };
export const SERVICE = { lines: '110', net_revenue: '-21307.55' };
export const PRODUCT_LINES = { gross_revenue: '505402.60', orders: '989', average_order_value: '511.02' };
