// The page is built into plain files with relative addresses, so that it works from any base and without a network.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

const twin = process.env['TWIN'] ?? 'http://127.0.0.1:8080';

const proxy = Object.fromEntries(['/api', '/health', '/login', '/metrics', '/ws'].map((path) => [path, { target: twin, ws: path === '/ws' }]));

export default defineConfig({
  base: './',
  plugins: [svelte()],
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    sourcemap: false,
    // The map library alone is about 1 MB; it is a chunk of its own that only the live view asks for.
    chunkSizeWarningLimit: 1300,
    // A CSP without `data:` fonts and scripts: every file is a file.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  worker: { format: 'es' },
  server: { port: 5173, proxy },
  // `npm run preview`: the page as it was built, in front of a city that is served by a program without it.
  preview: { port: 5174, proxy },
  test: { include: ['src/**/*.test.ts', 'mock/**/*.test.mjs'], environment: 'node' },
});
