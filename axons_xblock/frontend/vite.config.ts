import { readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

const here = new URL(".", import.meta.url).pathname;

/**
 * `axons.js` is a classic script (the platform includes it with a plain script tag), everything else is ES modules.
 * The loader gets the hashed name of the main chunk written into it, so a new release never meets a cached old chunk.
 */
function loader(): Plugin {
  return {
    name: "axons-loader",
    generateBundle(_options, bundle) {
      const main = Object.values(bundle).find((file) => file.type === "chunk" && file.isEntry);
      if (!main) throw new Error("The main chunk is missing from the build.");
      const imports = main.type === "chunk" ? main.imports : [];
      const source = readFileSync(`${here}src/loader.js`, "utf8")
        .replace("__MAIN__", main.fileName)
        .replace('["__PRELOAD__"]', JSON.stringify(imports));
      this.emitFile({ type: "asset", fileName: "axons.js", source });
    },
  };
}

export default defineConfig({
  root: here,
  base: "./",
  publicDir: false,
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  plugins: [loader()],
  build: {
    outDir: "../static",
    emptyOutDir: true,
    target: ["chrome111", "edge111", "firefox114", "safari16.4"],
    cssCodeSplit: false,
    modulePreload: false,
    reportCompressedSize: true,
    rollupOptions: {
      input: { main: `${here}src/main.tsx` },
      preserveEntrySignatures: "strict",
      output: {
        format: "es",
        // Everything the first view needs in one file; results, curves, staff and Studio come when they are asked for.
        codeSplitting: { groups: [{ name: "core", test: (id: string) => /\/preact\/|\/src\/(core|student)\/|\/src\/ui\//.test(id) && !/\/(Results|Curves|chart|confusion|SetEditor|ClassCard|Sorting|UploadPanel)\.tsx$/.test(id) }] },
        entryFileNames: "chunks/[name]-[hash].js",
        chunkFileNames: "chunks/[name]-[hash].js",
        assetFileNames: (asset) => (asset.names.some((name) => name.endsWith(".css")) ? "axons.css" : "assets/[name]-[hash][extname]"),
      },
    },
  },
  test: { environment: "happy-dom", include: ["tests/**/*.test.{ts,tsx}"] },
} as Parameters<typeof defineConfig>[0]);
