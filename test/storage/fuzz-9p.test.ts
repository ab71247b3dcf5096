import { test } from "vitest";
import { fuzzShare } from "./fuzz-9p.ts";

test.each([1, 2, 3])("10,000 hostile messages: seed %i", { timeout: 60_000 }, (seed) =>
  fuzzShare(seed, 10_000),
);
