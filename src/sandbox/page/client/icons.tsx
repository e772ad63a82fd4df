const paths = {
  eye: 'M2 10s3-5.5 8-5.5S18 10 18 10s-3 5.5-8 5.5S2 10 2 10zM10 7.6a2.4 2.4 0 1 0 0 4.8 2.4 2.4 0 0 0 0-4.8z',
  file: 'M5 2.5h7l4 4v11H5zM12 2.5v4h4',
  picture: 'M3 4h14v12H3zM3 14l4-4 3 3 3-3.5 4 4.5M7.2 7.6h.01',
  download: 'M10 3v9M6.5 9 10 12.5 13.5 9M4 16.5h12',
  plus: 'M10 4v12M4 10h12',
  more: 'M3.6 10a.9.9 0 1 0 1.8 0 .9.9 0 1 0-1.8 0M9.1 10a.9.9 0 1 0 1.8 0 .9.9 0 1 0-1.8 0M14.6 10a.9.9 0 1 0 1.8 0 .9.9 0 1 0-1.8 0',
  reply: 'M3 5h14v9H9l-4 3v-3H3z',
  stop: 'M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15zM6 10h8',
  warning: 'M10 3 18 16.5H2zM10 8v4M10 14.3h.01',
} as const;

/** Decoration: drawn, so that no emoji font is needed; words beside it say the same. */
export function Icon({ name }: { name: keyof typeof paths }) {
  return (
    <svg className="drawn" width="16" height="16" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}
