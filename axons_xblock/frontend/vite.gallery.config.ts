/** Builds the gallery of views and states, for eyes and screenshots only: it never goes into the block's static folder. */
import { defineConfig } from "vite";

const here = new URL(".", import.meta.url).pathname;

export default defineConfig({
  root: `${here}gallery`,
  base: "./",
  publicDir: false,
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: { outDir: `${here}gallery/dist`, emptyOutDir: true, target: "es2022", rollupOptions: { input: `${here}gallery/gallery.html` } },
} as Parameters<typeof defineConfig>[0]);
