/** Sealed batches: nothing that is changed on the way gets into a guest, and who cannot look at seals gets none. */
import { beforeAll, expect, test } from "vitest";
import { VirtualClock } from "../../ts/base/clock.ts";
import { Random } from "../../ts/base/random.ts";
import type { PageBatch } from "../../ts/machine/migratable.ts";
import { memoryChannels } from "../../ts/migrate/channel.ts";
import type { Feature } from "../../ts/migrate/features.ts";
import { MigrationLedger } from "../../ts/migrate/ledger.ts";
import { encodePagesHeader } from "../../ts/migrate/messages.ts";
import { migrate } from "../../ts/migrate/source.ts";
import * as stream from "../../ts/migrate/stream.ts";
import { receiveMigration } from "../../ts/migrate/target.ts";
import { CoreGuest, loadFuzzCore } from "./fuzz/guests.ts";
import { framesOf } from "./fuzz/mutate.ts";

const PAGES = 8;
const LIMIT = { normalPagesMax: PAGES, zeroPagesMax: PAGES };
beforeAll(loadFuzzCore);

/** A batch with a zero page, a twin, pages as they are, and then one with differences. */
function batchesOf(source: CoreGuest): PageBatch[] {
  const { migratable } = source;
  const set = migratable.newPageSet();
  migratable.startDirtyLog(set);
  migratable.encode({ cacheBytes: 1 << 20, twins: true });
  const take = (): PageBatch => {
    const batch = migratable.takeBatch(set, 0, LIMIT);
    return { ...batch, records: batch.records.slice() };
  };
  const first = take();
  for (let count = 1; count < 5; count++) source.write(count);
  migratable.harvest(set);
  const second = take();
  set.release();
  return [first, second];
}

test("a sealed batch with any byte changed, or another seal, is refused, and whole it is taken", () => {
  const source = new CoreGuest(PAGES);
  source.fill();
  const batches = batchesOf(source);
  expect(batches.map(({ seal }) => typeof seal)).toEqual(["number", "number"]);
  expect(batches[0]?.twinPages).toBeGreaterThan(0);
  expect(batches[1]?.deltaPages).toBeGreaterThan(0);
  const target = new CoreGuest(PAGES);
  const random = new Random(5);
  for (const batch of batches) {
    const { records, seal = 0 } = batch;
    // Every byte of heads and differences, and some of pages.
    const ats = Array.from({ length: records.length }, (_, at) => at);
    for (const at of ats.filter((at) => at < 64 || random.below(records.length) < 300)) {
      const changed = records.slice();
      changed[at] = (changed[at] as number) ^ (1 << random.below(8));
      expect(
        () => target.migratable.applyBatch({ ...batch, records: changed }),
        `byte ${at}`,
      ).toThrowError(expect.objectContaining({ code: "WV_BAD_STREAM" }));
    }
    expect(() => target.migratable.applyBatch({ ...batch, seal: seal ^ 1 })).toThrow(
      /not what was sealed/,
    );
    target.migratable.applyBatch(batch);
  }
  expect(target.memory()).toEqual(source.memory());
  source.free();
  target.free();
});

test("what has no checksums cannot be sealed", () => {
  const source = new CoreGuest(PAGES);
  source.fill();
  const { migratable } = source;
  const set = migratable.newPageSet();
  migratable.startDirtyLog(set);
  const batch = migratable.takeBatch(set, 0, LIMIT);
  expect(batch.seal).toBeUndefined();
  const target = new CoreGuest(PAGES);
  const sealed = { ...batch, records: batch.records.slice(), seal: 1 };
  expect(() => target.migratable.applyBatch(sealed)).toThrow(/pages without a checksum/);
  for (const guest of [source, target]) guest.free();
});

test("the CRC of SEALED covers its header and no more; another one's all of it", () => {
  const parts = [
    encodePagesHeader(
      0,
      { normalPages: 1, zeroPages: 0, nextGfn: 1, records: new Uint8Array() },
      7,
    ),
    new Uint8Array(64),
  ];
  for (const [type, covered] of [
    [stream.FRAME_SEALED, stream.SEALED_HEADER_BYTES],
    [stream.FRAME_PAGES, 80],
  ] as const) {
    const good = Buffer.concat([stream.encodePreamble(), stream.encodeFrame(type, 0, parts)]);
    const accepts = (at: number): boolean => {
      const bytes = Buffer.from(good);
      bytes[at] = (bytes[at] as number) ^ 1;
      try {
        return framesOf(bytes).length === 1;
      } catch {
        return false;
      }
    };
    const from = stream.PREAMBLE_BYTES + stream.FRAME_HEADER_BYTES;
    const taken = Array.from({ length: 80 }, (_, i) => accepts(from + i));
    expect(taken.lastIndexOf(false)).toBe(covered - 1);
    expect(taken.indexOf(true)).toBe(covered === 80 ? -1 : covered);
  }
});

/** Types of the frames of pages that a migration sends. */
async function typesOf(features: readonly Feature[], verify: "pages" | "frames") {
  const [source, target] = [new CoreGuest(PAGES), new CoreGuest(PAGES)];
  source.fill();
  source.start();
  const [here, there] = memoryChannels();
  const sent: Uint8Array[] = [];
  const send = here.send.bind(here);
  here.send = (bytes, modelBytes) => {
    sent.push(bytes.slice());
    return send(bytes, modelBytes);
  };
  const clock = new VirtualClock();
  const ledger = new MigrationLedger();
  const came = receiveMigration(there, {
    clock,
    ledger,
    features,
    accept: () => target.migratable,
  });
  const went = migrate(source.migratable, here, { clock, id: "m", strategy: "pre-copy", verify });
  clock.run(() => came.isSettled && went.isSettled);
  expect(target.isRunning).toBe(true);
  const types = new Set(framesOf(Buffer.concat(sent)).map(({ type }) => stream.frameName(type)));
  for (const guest of [source, target]) guest.free();
  return ["PAGES", "SEALED"].filter((name) => types.has(name));
}

test("pages are sealed where both sides can, and only there", async () => {
  expect(await typesOf(["seals"], "pages")).toEqual(["SEALED"]);
  expect(await typesOf(["channels"], "pages")).toEqual(["PAGES"]);
  expect(await typesOf(["seals"], "frames")).toEqual(["PAGES"]);
});
