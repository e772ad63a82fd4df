import { useId, useState } from 'react';
import { RichText } from './rich-text.tsx';
import { list, rec, str } from './values.ts';
import type { Rec } from './values.ts';

function Cell({ of }: { of: unknown }) {
  const cell = rec(of);
  if (cell['type'] === 'rich_text') return <RichText of={cell} />;
  return str(cell['text']) || str(cell['value']);
}

/** Short words stand on one line, as in Slack; longer ones may break. */
const cellClass = (of: unknown): string | undefined => {
  const { type, text } = rec(of);
  if (type === 'raw_number') return 'number';
  return type === 'raw_text' && str(text).length <= 24 ? 'short' : undefined;
};

/** What a cell sorts by: numbers as numbers. */
function sortKey(of: unknown): string {
  const cell = rec(of);
  if (cell['type'] === 'raw_number') return str(cell['value']);
  if (cell['type'] !== 'rich_text') return str(cell['text']) || str(cell['value']);
  const words = (v: unknown): string => str(rec(v)['text']) + list(rec(v)['elements']).map(words).join('');
  return words(cell);
}

/** A table block: the first row is its header. */
export function Table({ block }: { block: Rec }) {
  const [head, ...rows] = list(block['rows']).map(list);
  const settings = list(block['column_settings']).map(rec);
  const style = (i: number) => ({ textAlign: (str(settings[i]?.['align']) || 'left') as 'left' | 'center' | 'right' });
  return (
    <div className="table" role="region" aria-label="Table" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {head?.map((cell, i) => (
              <th key={i} scope="col" style={style(i)}>
                <Cell of={cell} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, r) => (
            <tr key={r}>
              {row.map((cell, i) => (
                <td key={i} style={style(i)} className={cellClass(cell)}>
                  <Cell of={cell} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A data_table block: sorted by a click on a column, shown page by page. */
export function DataTable({ block }: { block: Rec }) {
  const id = useId();
  const [order, setOrder] = useState({ column: -1, down: false });
  const [page, setPage] = useState(0);
  const [head = [], ...rows] = list(block['rows']).map(list);
  const size = Math.max(1, Number(block['page_size'] ?? 5) || 5);
  const rowHeader = Number(block['row_header_column_index'] ?? 0);
  const collator = new Intl.Collator('en', { numeric: true });
  const sorted =
    order.column < 0
      ? rows
      : [...rows].sort(
          (a, b) => collator.compare(sortKey(a[order.column]), sortKey(b[order.column])) * (order.down ? -1 : 1),
        );
  const pages = Math.max(1, Math.ceil(rows.length / size));
  const now = Math.min(page, pages - 1);
  return (
    <div className="table" role="region" aria-labelledby={id} tabIndex={0}>
      <table>
        <caption id={id}>{str(block['caption'])}</caption>
        <thead>
          <tr>
            {head.map((cell, i) => {
              const own = order.column === i;
              return (
                <th key={i} scope="col" aria-sort={own ? (order.down ? 'descending' : 'ascending') : 'none'}>
                  <button
                    type="button"
                    className="plain"
                    onClick={() => setOrder({ column: i, down: own && !order.down })}
                  >
                    <Cell of={cell} /> <span aria-hidden="true">{own ? (order.down ? '▾' : '▴') : '↕'}</span>
                  </button>
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {sorted.slice(now * size, (now + 1) * size).map((row, r) => (
            <tr key={r}>
              {row.map((cell, i) =>
                i === rowHeader ? (
                  <th key={i} scope="row">
                    <Cell of={cell} />
                  </th>
                ) : (
                  <td key={i} className={cellClass(cell)}>
                    <Cell of={cell} />
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
      {pages > 1 && (
        <div className="pages">
          <button type="button" className="button" disabled={now === 0} onClick={() => setPage(now - 1)}>
            Previous
          </button>
          <span>{`Page ${now + 1} of ${pages}`}</span>
          <button type="button" className="button" disabled={now === pages - 1} onClick={() => setPage(now + 1)}>
            Next
          </button>
        </div>
      )}
    </div>
  );
}
