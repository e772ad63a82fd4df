/**
 * Slack's mrkdwn and Markdown as a tree. Invariant: text stays text; only what the two notations define becomes markup,
 * and links lead to http, https or mailto only.
 */
export type Inline =
  | { type: 'text' | 'code' | 'emoji'; text: string }
  | { type: 'bold' | 'italic' | 'strike'; children: Inline[] }
  | { type: 'link'; url: string; children: Inline[] }
  | { type: 'user' | 'channel' | 'broadcast'; id: string; label: string }
  | { type: 'date'; seconds: number; format: string; link: string; fallback: string };
export type Part =
  | { type: 'paragraph' | 'quote'; children: Inline[] }
  | { type: 'pre'; text: string }
  | { type: 'heading'; level: number; children: Inline[] }
  | { type: 'list'; ordered: boolean; items: Inline[][] }
  | { type: 'table'; rows: Inline[][][] }
  | { type: 'rule' };

type Notation = 'mrkdwn' | 'markdown';

/** Undoes the three escapes that Slack defines, once. */
export const unescapeText = (s: string): string =>
  s.replace(/&(amp|lt|gt);/g, (_all, name: string) => ({ amp: '&', lt: '<', gt: '>' })[name] ?? '');
export const escapeText = (s: string): string => s.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
export const isSafeUrl = (url: string): boolean => /^(https?:\/\/|mailto:)/i.test(url);

/** Parses a mrkdwn text object. */
export function parseMrkdwn(text: string): Part[] {
  return fenced(text, /```([^]*?)```/, (plain) => {
    const parts: Part[] = [];
    let lines: string[] = [];
    let quoted = false;
    const end = (): void => {
      const body = lines.join('\n');
      if (lines.length > 0) parts.push({ type: quoted ? 'quote' : 'paragraph', children: parseInline(body, 'mrkdwn') });
      lines = [];
    };
    for (const line of plain.split('\n')) {
      const quote = /^(?:&gt;|>) ?(.*)$/.exec(line);
      if ((quote !== null) !== quoted) end();
      quoted = quote !== null;
      lines.push(quote?.[1] ?? line);
    }
    end();
    return parts;
  });
}

/** Parses the text of a markdown block: headings, lists, tables, quotes, fences and inline marks. */
export function parseMarkdown(text: string): Part[] {
  const inline = (s: string): Inline[] => parseInline(s, 'markdown');
  return fenced(text, /```(?:[a-z]+\n)?([^]*?)```/, (plain) => {
    const parts: Part[] = [];
    for (const line of plain.split('\n')) {
      const last = parts.at(-1);
      const heading = /^(#{1,6})\s+(.*)$/.exec(line);
      const item = /^\s*(?:[-*+]|(\d+)[.)])\s+(.*)$/.exec(line);
      const row = /^\s*\|(.*)\|\s*$/.exec(line)?.[1]?.split('|');
      const quote = /^>\s?(.*)$/.exec(line);
      if (line.trim() === '') parts.push({ type: 'paragraph', children: [] });
      else if (heading)
        parts.push({ type: 'heading', level: heading[1]?.length ?? 1, children: inline(heading[2] ?? '') });
      else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) parts.push({ type: 'rule' });
      else if (item) {
        const ordered = item[1] !== undefined;
        if (last?.type === 'list' && last.ordered === ordered) last.items.push(inline(item[2] ?? ''));
        else parts.push({ type: 'list', ordered, items: [inline(item[2] ?? '')] });
      } else if (row) {
        if (row.every((cell) => /^\s*:?-+:?\s*$/.test(cell))) continue;
        const cells = row.map((cell) => inline(cell.trim()));
        if (last?.type === 'table') last.rows.push(cells);
        else parts.push({ type: 'table', rows: [cells] });
      } else {
        const type = quote ? 'quote' : 'paragraph';
        const children = inline(quote?.[1] ?? line);
        if (last?.type === type && last.children.length > 0)
          last.children.push({ type: 'text', text: '\n' }, ...children);
        else parts.push({ type, children });
      }
    }
    return parts.filter((part) => part.type !== 'paragraph' || part.children.length > 0);
  });
}

function fenced(text: string, fence: RegExp, parse: (plain: string) => Part[]): Part[] {
  return text.split(fence).flatMap((piece, i): Part[] => {
    if (i % 2 === 1) return [{ type: 'pre', text: unescapeText(piece.replace(/^\n|\n$/g, '')) }];
    const plain = piece.replace(i > 0 ? /^\n/ : /^$/, '').replace(/\n$/, '');
    return plain === '' ? [] : parse(plain);
  });
}

const marks: Record<Notation, [string, 'bold' | 'italic' | 'strike'][]> = {
  mrkdwn: [
    ['*', 'bold'],
    ['_', 'italic'],
    ['~', 'strike'],
  ],
  markdown: [
    ['**', 'bold'],
    ['__', 'bold'],
    ['~~', 'strike'],
    ['*', 'italic'],
    ['_', 'italic'],
  ],
};

/** Parses one run of text; unclosed marks stay as they are. */
export function parseInline(s: string, notation: Notation): Inline[] {
  const out: Inline[] = [];
  let plain = '';
  const flush = (): void => {
    if (plain !== '') out.push({ type: 'text', text: unescapeText(plain) });
    plain = '';
  };
  const add = (node: Inline, length: number): number => {
    flush();
    out.push(node);
    return length;
  };
  const at = (i: number): number => {
    const rest = s.slice(i);
    const code = /^`([^`\n]+)`/.exec(rest);
    if (code) return add({ type: 'code', text: unescapeText(code[1] ?? '') }, code[0].length);
    const angle = /^<([^<>\n]+)>/.exec(rest);
    const special = angle ? angled(angle[1] ?? '') : undefined;
    if (angle && special) return add(special, angle[0].length);
    const link = notation === 'markdown' ? /^\[([^\]\n]+)\]\(([^()\s]+)\)/.exec(rest) : null;
    if (link && isSafeUrl(link[2] ?? ''))
      return add({ type: 'link', url: link[2] ?? '', children: parseInline(link[1] ?? '', notation) }, link[0].length);
    const before = s[i - 1] ?? ' ';
    const bare = /\w/.test(before) ? null : /^https?:\/\/[^\s<>|]*[^\s<>|.,;:!?)'"*_~`]/.exec(rest);
    if (bare) {
      const url = unescapeText(bare[0]);
      return add({ type: 'link', url, children: [{ type: 'text', text: url }] }, bare[0].length);
    }
    const emoji = /^:([a-z0-9_+'-]+):/.exec(rest);
    if (emoji && !/^\d+$/.test(emoji[1] ?? '')) return add({ type: 'emoji', text: emoji[1] ?? '' }, emoji[0].length);
    for (const [mark, type] of marks[notation]) {
      if (!rest.startsWith(mark) || (/[\p{L}\p{N}]/u.test(before) && mark !== '**')) continue;
      const end = closing(s, i + mark.length, mark);
      if (end === undefined) continue;
      const children = parseInline(s.slice(i + mark.length, end), notation);
      return add({ type, children }, end + mark.length - i);
    }
    plain += s[i] ?? '';
    return 1;
  };
  for (let i = 0; i < s.length;) i += at(i);
  flush();
  return out;
}

function closing(s: string, from: number, mark: string): number | undefined {
  if (/\s|^$/.test(s[from] ?? '')) return undefined;
  for (let i = from; i < s.length && s[i] !== '\n'; i++) {
    const skip = /^(`[^`\n]+`|<[^<>\n]+>)/.exec(s.slice(i));
    if (skip) i += skip[0].length - 1;
    else if (i > from && s.startsWith(mark, i) && /\S/.test(s[i - 1] ?? ''))
      if (!/[\p{L}\p{N}]/u.test(s[i + mark.length] ?? ' ') || mark === '**') return i;
  }
  return undefined;
}

const TOKENS: ReadonlySet<string> = new Set([
  ...['date', 'date_num', 'date_short', 'date_long', 'date_pretty', 'date_short_pretty', 'date_long_pretty'],
  ...['time', 'time_secs', 'ago'],
]);
/** What stands between angle brackets, or undefined when Slack would show it as it is. */
function angled(body: string): Inline | undefined {
  const [head = '', ...tail] = body.split('|');
  const label = unescapeText(tail.join('|'));
  const mention = /^([@#])([A-Z0-9]+)$/.exec(head);
  if (mention) return { type: mention[1] === '@' ? 'user' : 'channel', id: mention[2] ?? '', label };
  const date = /^!date\^(-?\d+)\^([^^]+)(?:\^(.*))?$/.exec(head);
  // a token that Slack does not know: the fallback is shown
  if (date && label !== '' && [...(date[2] ?? '').matchAll(/\{(\w+)\}/g)].some(([, name = '']) => !TOKENS.has(name)))
    return { type: 'text', text: label };
  if (date) {
    const link = date[3] ?? '';
    return {
      type: 'date',
      seconds: Number(date[1]),
      format: date[2] ?? '',
      link: isSafeUrl(link) ? link : '',
      fallback: label,
    };
  }
  const group = /^!(here|channel|everyone|subteam\^([A-Z0-9]+))$/.exec(head);
  if (group) return { type: 'broadcast', id: group[2] ?? group[1] ?? '', label };
  const url = unescapeText(head);
  if (isSafeUrl(url))
    return { type: 'link', url, children: [{ type: 'text', text: label || url.replace(/^mailto:/, '') }] };
  return undefined;
}

/** Fills Slack's date tokens for a reader's zone (default: the machine's); `nowMs` decides today, tomorrow and {ago}. */
export function formatDate(seconds: number, format: string, nowMs: number, timeZone?: string): string {
  const date = new Date(seconds * 1000);
  const as = (options: Intl.DateTimeFormatOptions): string =>
    new Intl.DateTimeFormat('en-US', { ...options, ...(timeZone === undefined ? {} : { timeZone }) }).format(date);
  const dayOf = (ms: number): string =>
    new Intl.DateTimeFormat('en-CA', timeZone === undefined ? {} : { timeZone }).format(new Date(ms));
  const relative = ['yesterday', 'today', 'tomorrow'][
    [-1, 0, 1].findIndex((days) => dayOf(nowMs + days * 86_400_000) === dayOf(seconds * 1000))
  ];
  const long = { month: 'long', day: 'numeric', year: 'numeric' } as const;
  const short = { month: 'short', day: 'numeric', year: 'numeric' } as const;
  const days = as({ weekday: 'long', ...long });
  const tokens: Record<string, string> = {
    date_num: dayOf(seconds * 1000),
    date: as(long),
    date_short: as(short),
    date_long: days,
    date_pretty: relative ?? as(long),
    date_short_pretty: relative ?? as(short),
    date_long_pretty: relative ?? days,
    time: as({ hour: 'numeric', minute: '2-digit' }),
    time_secs: as({ hour: 'numeric', minute: '2-digit', second: '2-digit' }),
    ago: ago(seconds * 1000 - nowMs),
  };
  const filled = format.replace(/\{(\w+)\}/g, (all, name: string) => tokens[name] ?? all);
  return /^\{date(_short|_long)?_pretty\}/.test(format) ? filled.charAt(0).toUpperCase() + filled.slice(1) : filled;
}

function ago(differenceMs: number): string {
  const words = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
  const minutes = Math.round(differenceMs / 60_000);
  if (Math.abs(minutes) < 60) return words.format(minutes, 'minute');
  if (Math.abs(minutes) < 48 * 60) return words.format(Math.round(minutes / 60), 'hour');
  return words.format(Math.round(minutes / 1440), 'day');
}
