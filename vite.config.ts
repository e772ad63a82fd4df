import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Builds the sandbox's page only; the server side is plain TypeScript that Node runs itself. */
export default defineConfig({
  root: 'src/sandbox/page',
  base: './',
  plugins: [react()],
  build: { outDir: '../../../dist/sandbox-page', emptyOutDir: true },
});
