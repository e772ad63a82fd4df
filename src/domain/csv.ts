/** Comma-separated values (RFC 4180) that a spreadsheet takes for values, never for formulas. Pure. */

/** What a spreadsheet may take for the begin of a formula. */
const FORMULA = /^[=+\-@\t\r|%]/;

/** A field; text that looks like a formula is made text by an apostrophe, as spreadsheets read it. */
export function csvField(value: string | number): string {
  if (typeof value === 'number') return String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n']/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export const csvOf = (rows: readonly (readonly (string | number)[])[]): string =>
  rows.map((row) => `${row.map(csvField).join(',')}\r\n`).join('');
