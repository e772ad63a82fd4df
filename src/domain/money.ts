/**
 * Money without a drift. Invariant: amounts are whole numbers of a unit so small that a price an hour times any number of
 * milliseconds is exact; they are rounded only when they are shown.
 */

/** What one hour costs, in millionths of the currency's unit. */
export type Price = { readonly currency: string; readonly micros: number };
/** An amount: `exact` in millionths of the currency's unit, times milliseconds an hour (3.6e12 make one unit). */
export type Money = { readonly currency: string; readonly exact: bigint };

/** What one worker costs: an hour, so far, and at its deadline. */
export type WorkerCost = { readonly price: Price; readonly spent: Money; readonly planned: Money };

const MICROS = 1_000_000n;
const HOUR = 3_600_000n;
/** `exact` of one unit of a currency. */
const UNIT = MICROS * HOUR;
/** Prices and limits as people write them: at most nine digits before the point and six after it. */
const DECIMAL = /^(\d{1,9})(?:\.(\d{1,6}))?$/;

/** Millionths of what is written as a decimal; undefined when it is no amount. A price of 0.0125 is 12500. */
export function microsOf(decimal: string | number): number | undefined {
  const found = DECIMAL.exec(String(decimal));
  if (found === null) return undefined;
  const [, whole = '', part = ''] = found;
  return Number(whole) * 1_000_000 + Number(part.padEnd(6, '0'));
}

/** An amount from millionths of the currency's unit. */
export const moneyOf = (currency: string, micros: number): Money => ({ currency, exact: BigInt(micros) * HOUR });
/** What a time costs; part of a millisecond does not count. */
export const costOf = ({ currency, micros }: Price, ms: number): Money => ({
  currency,
  exact: BigInt(micros) * BigInt(Math.max(0, Math.floor(ms))),
});
export const times = ({ currency, exact }: Money, factor: number): Money => ({
  currency,
  exact: exact * BigInt(Math.max(0, Math.floor(factor))),
});

/** One amount for each currency, the largest first; amounts of nothing are left out. */
export function sumOf(amounts: readonly Money[]): readonly Money[] {
  const sums = new Map<string, bigint>();
  for (const { currency, exact } of amounts) sums.set(currency, (sums.get(currency) ?? 0n) + exact);
  return [...sums]
    .filter(([, exact]) => exact !== 0n)
    .map(([currency, exact]) => ({ currency, exact }))
    .sort((a, b) => (a.exact === b.exact ? 0 : a.exact > b.exact ? -1 : 1));
}
/** What there is of one currency. */
export const amountIn = (amounts: readonly Money[], currency: string): bigint =>
  amounts.reduce((sum, amount) => (amount.currency === currency ? sum + amount.exact : sum), 0n);

const formats = new Map<string, Intl.NumberFormat>();
function formatOf(currency: string, more: Intl.NumberFormatOptions = {}): Intl.NumberFormat {
  const key = `${currency} ${more.maximumFractionDigits ?? ''}`;
  const found = formats.get(key) ?? new Intl.NumberFormat('en-US', { style: 'currency', currency, ...more });
  formats.set(key, found);
  return found;
}
/** Digits that the currency has after the point: 2 for USD, 0 for JPY. */
export const digitsOf = (currency: string): number => formatOf(currency).resolvedOptions().maximumFractionDigits ?? 2;

/** The amount as a decimal with so many digits after the point, half a last digit rounded up. */
export function decimalOf({ exact }: Pick<Money, 'exact'>, digits: number): string {
  const scaled = (exact < 0n ? -exact : exact) * 10n ** BigInt(digits);
  const rounded = (scaled * 2n + UNIT) / (UNIT * 2n);
  const text = String(rounded).padStart(digits + 1, '0');
  const sign = exact < 0n && rounded > 0n ? '-' : '';
  return digits === 0 ? `${sign}${text}` : `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

/** `$4.80`, `¥5`. */
export const formatMoney = (money: Money): string =>
  formatOf(money.currency).format(decimalOf(money, digitsOf(money.currency)) as `${number}`);
/** Several currencies: `$4.80 + €1.20`; of nothing, nothing of `currency`. */
export function formatAll(amounts: readonly Money[], currency: string): string {
  const sums = sumOf(amounts);
  return sums.length === 0 ? formatMoney({ currency, exact: 0n }) : sums.map(formatMoney).join(' + ');
}
/** A price with all its digits, and at least those of its currency: `$0.0125`, `$0.10`. */
export function formatPrice({ currency, micros }: Price): string {
  const decimal = decimalOf(moneyOf(currency, micros), 6) as `${number}`;
  return formatOf(currency, { maximumFractionDigits: Math.max(6, digitsOf(currency)) }).format(decimal);
}
/** For axes and the like, where a rounded number will do. */
export const approximately = ({ exact }: Pick<Money, 'exact'>): number => Number(exact) / Number(UNIT);
