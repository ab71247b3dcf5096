import { defineConfig } from "vitest/config";

const oracle = ["test/oracle/**/*.test.ts", "test/browser/**/*.test.ts"];

export default defineConfig({
  test: {
    projects: [
      {
        // Needs nothing but `npm ci`.
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: oracle,
          // Against hangs alone: on a busy machine everything takes ten times as long.
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        // Against real peers: QEMU, dtc, gcc, e2fsprogs, Chromium.
        test: { name: "oracle", include: oracle, testTimeout: 300_000, hookTimeout: 300_000 },
      },
    ],
  },
});
