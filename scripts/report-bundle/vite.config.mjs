import { defineConfig } from "vite";

export default defineConfig({
  root: import.meta.dirname,
  logLevel: "warn",
  define: { "process.env.NODE_ENV": '"production"' },
  build: {
    outDir: "../../dist/assets",
    emptyOutDir: false,
    target: "es2022",
    chunkSizeWarningLimit: 2000,
    lib: {
      entry: "entry.mjs",
      name: "WasmvisorReport",
      formats: ["iife"],
      fileName: () => "report.js",
    },
  },
});
