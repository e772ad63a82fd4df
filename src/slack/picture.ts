/** SVG to PNG, in the process and without anything of the machine: the renderer and the letters come with their packages. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { Resvg, initWasm } from '@resvg/resvg-wasm';

const from = createRequire(import.meta.url);
const FONTS = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'];
let ready: Promise<readonly Uint8Array[]> | undefined;

/** The renderer is made once; a failure is tried again the next time. */
function prepare(): Promise<readonly Uint8Array[]> {
  ready ??= (async () => {
    await initWasm(await readFile(from.resolve('@resvg/resvg-wasm/index_bg.wasm')));
    return Promise.all(FONTS.map((name) => readFile(from.resolve(`dejavu-fonts-ttf/ttf/${name}`))));
  })();
  ready.catch(() => (ready = undefined));
  return ready;
}

/** @throws when the SVG is none. */
export async function pngOf(svg: string): Promise<Buffer> {
  const fontBuffers = [...(await prepare())];
  const renderer = new Resvg(svg, {
    font: { fontBuffers, defaultFontFamily: 'DejaVu Sans', sansSerifFamily: 'DejaVu Sans' },
  });
  try {
    const image = renderer.render();
    try {
      return Buffer.from(image.asPng());
    } finally {
      image.free();
    }
  } finally {
    renderer.free();
  }
}
