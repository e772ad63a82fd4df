import type { ReactNode } from 'react';

type Stroke = { d: string; fill?: string; stroke?: string; width?: number };
const [green, red, amber, blue, grey, ink, white] = [
  '#2b9a5c',
  '#dd3a50',
  '#f2b32c',
  '#2f7fd6',
  '#8b8e95',
  '#3d2f05',
  '#fff',
];
const disc = (fill: string): Stroke => ({ d: 'M10 2a8 8 0 1 0 0 16 8 8 0 0 0 0-16z', fill });
const tile = (fill: string): Stroke => ({
  d: 'M5 2h10a3 3 0 0 1 3 3v10a3 3 0 0 1-3 3H5a3 3 0 0 1-3-3V5a3 3 0 0 1 3-3z',
  fill,
});
const hourglass = (sand: string): Stroke[] => [
  { d: 'M6 2.5c0 4 3.6 5 3.6 7.5S6 13.5 6 17.5h8c0-4-3.6-5-3.6-7.5S14 6.5 14 2.5z', fill: '#dfe9f3' },
  { d: sand, fill: amber },
  { d: 'M4.5 2.5h11M4.5 17.5h11', stroke: '#a3662e', width: 2.2 },
];

/** Drawn, because a machine may have no emoji font. In a box of 20 by 20. */
const drawings: Readonly<Record<string, Stroke[]>> = {
  white_check_mark: [tile(green), { d: 'M5.8 10.5 8.8 13.5 14.3 6.8', stroke: white, width: 2.4 }],
  x: [{ d: 'M4 4l12 12M16 4 4 16', stroke: red, width: 3.6 }],
  warning: [
    { d: 'M10 2.5 18.5 17h-17z', fill: amber, stroke: amber, width: 2 },
    { d: 'M10 7.5v4.8M10 14.9v.01', stroke: ink, width: 2.2 },
  ],
  no_entry: [disc(red), { d: 'M5.8 10h8.4', stroke: white, width: 3 }],
  no_entry_sign: [{ d: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM5.2 5.2l9.6 9.6', stroke: red, width: 2.6 }],
  octagonal_sign: [
    { d: 'M6.7 2h6.6L18 6.7v6.6L13.3 18H6.7L2 13.3V6.7z', fill: red },
    { d: 'M7.3 3.8h5.4l3.5 3.5v5.4l-3.5 3.5H7.3l-3.5-3.5V7.3z', stroke: white, width: 1 },
  ],
  rotating_light: [
    { d: 'M5 15v-4a5 5 0 0 1 10 0v4z', fill: red },
    { d: 'M3.5 15h13v3h-13z', fill: grey },
    { d: 'M10 1v2.5M2.5 4.5l2 1.7M17.5 4.5l-2 1.7', stroke: red, width: 1.8 },
  ],
  hourglass: hourglass('M6.4 16.5c.4-2.3 2-3 3.6-4 1.6 1 3.2 1.7 3.6 4z'),
  hourglass_flowing_sand: hourglass('M6.9 5.5h6.2c-.6 2-2.2 2.7-3.1 4-.9-1.3-2.5-2-3.1-4zM8 16.5l2-2.5 2 2.5z'),
  alarm_clock: [
    { d: 'M3 6.5 6 3.5M17 6.5l-3-3M5.5 16.5 4 18.3M14.5 16.5l1.5 1.8', stroke: red, width: 2.2 },
    { d: 'M10 4.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13z', fill: white, stroke: red, width: 2 },
    { d: 'M10 7.5V11l2.5 1.5', stroke: ink, width: 1.6 },
  ],
  lock: [
    { d: 'M6.5 9V6.5a3.5 3.5 0 0 1 7 0V9', stroke: grey, width: 2.2 },
    { d: 'M5 9h10a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1z', fill: amber },
    { d: 'M10 12.5v2', stroke: ink, width: 2 },
  ],
  bulb: [
    { d: 'M10 1.5a6 6 0 0 0-3 11.2V15h6v-2.3a6 6 0 0 0-3-11.2z', fill: amber },
    { d: 'M7.5 16.2h5M8.5 18.3h3', stroke: grey, width: 1.7 },
  ],
  information_source: [tile(blue), { d: 'M10 9v5.5M10 5.6v.01', stroke: white, width: 2.4 }],
  moneybag: [
    {
      d: 'M7 2h6l-1.6 3.2C14.6 6.6 17 10 17 13.2 17 16.4 14 18 10 18s-7-1.6-7-4.8C3 10 5.4 6.6 8.6 5.2z',
      fill: '#c99a3a',
    },
    { d: 'M7.6 5.6h4.8', stroke: ink, width: 1.4 },
    { d: 'M12 9.6c-.6-.8-3.8-1-3.8.6 0 1.8 3.9.9 3.9 2.8 0 1.7-3.5 1.4-4.1.4M10 8v7.4', stroke: ink, width: 1.4 },
  ],
  mag: [
    { d: 'M8.2 2.8a5.4 5.4 0 1 0 0 10.8 5.4 5.4 0 0 0 0-10.8z', fill: '#cfe6f8', stroke: grey, width: 2 },
    { d: 'M12.4 12.4l5 5', stroke: '#a3662e', width: 2.6 },
  ],
  page_facing_up: [
    { d: 'M4.5 2h7.5l3.5 3.5V18h-11z', fill: white, stroke: grey, width: 1.4 },
    { d: 'M7 8.5h6M7 11.5h6M7 14.5h4', stroke: grey, width: 1.3 },
  ],
  inbox_tray: [
    { d: 'M2 11l2-1h12l2 1v6H2z', fill: '#b9c4cf', stroke: grey, width: 1.2 },
    { d: 'M10 2v7M7 6.5l3 3 3-3', stroke: blue, width: 2 },
  ],
  grey_question: [{ d: 'M6.5 7a3.5 3.5 0 1 1 5.3 3C10.6 10.8 10 11.4 10 13M10 16.8v.01', stroke: grey, width: 2.6 }],
  electric_plug: [
    { d: 'M7 2v4.5M13 2v4.5M10 13v5', stroke: grey, width: 2.2 },
    { d: 'M4.5 6.5h11V9a5.5 5.5 0 0 1-11 0z', fill: '#4a4e57' },
  ],
  zap: [{ d: 'M11.5 1.5 4 11.5h4.5L7.5 18.5 16 8h-5z', fill: amber }],
  large_green_circle: [disc(green)],
  large_blue_circle: [disc(blue)],
  large_yellow_circle: [disc(amber)],
  large_orange_circle: [disc('#ea7a25')],
  red_circle: [disc(red)],
  white_circle: [{ ...disc(white), stroke: grey, width: 1 }],
  black_circle: [disc('#333')],
};

const characters: Readonly<Record<string, string>> = {
  white_check_mark: '✅',
  x: '❌',
  warning: '⚠️',
  no_entry: '⛔',
  no_entry_sign: '🚫',
  octagonal_sign: '🛑',
  rotating_light: '🚨',
  hourglass: '⌛',
  hourglass_flowing_sand: '⏳',
  alarm_clock: '⏰',
  lock: '🔒',
  bulb: '💡',
  information_source: 'ℹ️',
  moneybag: '💰',
  mag: '🔍',
  page_facing_up: '📄',
  inbox_tray: '📥',
  grey_question: '❔',
  electric_plug: '🔌',
  zap: '⚡',
  rocket: '🚀',
  tada: '🎉',
  fire: '🔥',
  eyes: '👀',
  wave: '👋',
  '+1': '👍',
  '-1': '👎',
  heart: '❤️',
  large_green_circle: '🟢',
  large_blue_circle: '🔵',
  large_yellow_circle: '🟡',
  large_orange_circle: '🟠',
  red_circle: '🔴',
  white_circle: '⚪',
  black_circle: '⚫',
};

/** One emoji by its name; an unknown name stays as it was written. */
export function Emoji({ name }: { name: string }): ReactNode {
  const drawing = Object.hasOwn(drawings, name) ? drawings[name] : undefined;
  if (!drawing) return <span title={`:${name}:`}>{plain(`:${name}:`)}</span>;
  return (
    <svg className="emoji" viewBox="0 0 20 20" role="img" aria-label={name.replaceAll('_', ' ')}>
      {drawing.map(({ d, fill = 'none', stroke, width }, i) => (
        <path key={i} d={d} fill={fill} stroke={stroke} strokeWidth={width} />
      ))}
    </svg>
  );
}

/** Text in which emoji names are drawn. */
export const Emojied = ({ text }: { text: string }): ReactNode =>
  text.split(/:([a-z0-9_+-]+):/).map((piece, i) => (i % 2 === 0 ? piece : <Emoji key={i} name={piece} />));

/** For where only characters can stand, as in menus: emoji names replaced by characters. */
export const plain = (text: string): string =>
  text.replace(/:([a-z0-9_+-]+):/g, (all, name: string) =>
    Object.hasOwn(characters, name) ? (characters[name] ?? all) : all,
  );
