/** Snapshots that were damaged on the way: each is refused, and the host is as it was. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Host, WasmvisorError } from "../../ts/index.ts";

const RUNS = 150;
let host: Host;
let scratch = "";
let good: Uint8Array;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "wasmvisor-fuzz-"));
  host = await Host.create({ memory: "64MiB" });
  const kernel = join(import.meta.dirname, "../../guests/bin/kv.elf");
  const vm = await host.createVm({ kernel, memory: "8MiB", append: "keys=64 report=1000" });
  await vm.start();
  await vm.console.expect(/kv ok/);
  await vm.snapshot(join(scratch, "good"));
  await vm.destroy();
  // A copy: `slice` of a Buffer is the same bytes, and damage would add up.
  good = new Uint8Array(await readFile(join(scratch, "good")));
});
afterAll(async () => {
  await host.close();
  await rm(scratch, { recursive: true, force: true });
});

/** Anywhere in the file: left to itself, fast-check likes small numbers, which are all in the header. */
const place = fc.noBias(fc.nat());

/** One way to damage a file: a bit flipped, a cut, bytes put in between. */
const damage = fc.oneof(
  fc.record({
    kind: fc.constant("flip" as const),
    at: place,
    bit: fc.integer({ min: 0, max: 7 }),
  }),
  fc.record({ kind: fc.constant("cut" as const), at: place }),
  fc.record({
    kind: fc.constant("insert" as const),
    at: place,
    bytes: fc.uint8Array({ minLength: 1 }),
  }),
);

type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never;

function damaged(how: Damage): Uint8Array {
  const at = how.at % good.length;
  if (how.kind === "cut") return good.slice(0, at);
  if (how.kind === "insert")
    return Uint8Array.of(
      ...good.slice(0, at & 0xfff),
      ...how.bytes,
      ...good.slice(at & 0xfff, 8192),
    );
  const bytes = good.slice();
  bytes[at] = (bytes[at] as number) ^ (1 << how.bit);
  return bytes;
}

test("every damaged snapshot is refused by name, and costs the host nothing", async () => {
  const free = host.freeBytes;
  const path = join(scratch, "bad");
  await fc.assert(
    fc.asyncProperty(damage, async (how) => {
      await writeFile(path, damaged(how));
      const restored = await host.restore(path, { pages: "at-once" }).catch((reason) => reason);
      expect(restored instanceof WasmvisorError ? restored.code : "restored").toBe(
        "WV_BAD_SNAPSHOT",
      );
      expect(host.vms.length).toBe(0);
      expect(host.freeBytes).toBe(free);
    }),
    { numRuns: RUNS },
  );
});

test("touched page by page, damage ends the guest, and never the host", async () => {
  const free = host.freeBytes;
  const path = join(scratch, "bad");
  let crashes = 0;
  await fc.assert(
    fc.asyncProperty(damage, async (how) => {
      await writeFile(path, damaged(how));
      const vm = await host.restore(path).catch(() => undefined);
      await vm?.resume();
      const said = await vm?.console.expect(/kv ok/).catch((reason: unknown) => reason);
      if (said instanceof WasmvisorError) {
        expect(said.code).toBe("WV_GUEST");
        expect(vm?.end).toMatchObject({ type: "crash", fault: { reason: "missing-page" } });
        expect(said.message).toMatch(/bad" at byte \d+: pages \d+ to \d+ of the guest are damaged/);
        crashes++;
      }
      await vm?.destroy();
      expect(host.freeBytes).toBe(free);
    }),
    { numRuns: RUNS },
  );
  expect(crashes).toBeGreaterThan(0);
});

test("the undamaged one is not", async () => {
  const vm = await host.restore(join(scratch, "good"));
  expect(vm.status).toBe("paused");
  await vm.destroy();
});
