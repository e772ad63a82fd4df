/** Rows of a CSV text (RFC 4180): quoted cells may hold commas, line breaks and doubled quotes. */
export function csvRows(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let quoted = false;
  const endCell = (): void => {
    row.push(cell);
    cell = '';
  };
  const endRow = (): void => {
    endCell();
    if (row.length > 1 || row[0] !== '') rows.push(row);
    row = [];
  };
  for (let at = 0; at < text.length; at++) {
    const c = text.charAt(at);
    if (quoted && c === '"' && text.charAt(at + 1) === '"') {
      cell += '"';
      at++;
    } else if (c === '"' && (quoted || cell === '')) quoted = !quoted;
    else if (quoted) cell += c;
    else if (c === ',') endCell();
    else if (c === '\n') endRow();
    else if (c !== '\r' && c !== '\ufeff') cell += c;
  }
  if (cell !== '' || row.length > 0) endRow();
  return rows;
}
