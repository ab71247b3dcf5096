/** A first part of `npm run test:fuzz -- --target wireguard` and `tether`, of another seed each time that one is given. */
import { test } from "vitest";
import { fuzzTether } from "./fuzz-tether.ts";
import { fuzzWireguard } from "./fuzz-wireguard.ts";

const seed = Number(process.env["FUZZ_SEED"] ?? 5);

test("an encrypted network stands what anybody sends", () => fuzzWireguard(seed, 4000));
test("a tunnel of a guest that left stands what anybody sends", () => fuzzTether(seed, 6000));
