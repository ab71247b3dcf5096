/** Queues of a disk, with a driver that has no plan: nothing throws, and nothing but the disk's own bytes changes. */
import assert from "node:assert/strict";
import { Random } from "../../ts/base/random.ts";
import { VirtioBlk } from "../../ts/device/virtio/blk.ts";
import { VirtioMmio } from "../../ts/device/virtio/mmio.ts";
import { MemoryDisk } from "../../ts/storage/memory-disk.ts";
import { FakeDriver, FakeMemory } from "./fakes.ts";

const DATA_BYTES = 0x10_0000;
const DISK_BYTES = 64 * 1024;
const TYPES = [0, 1, 4, 8, 11, 13, 77];

/** Where requests lie, and headers among the data: most of them name a type that there is. */
function header(memory: FakeMemory, random: Random): number {
  const at = DATA_BYTES + 16 * random.below(DATA_BYTES / 16);
  memory.view.setUint32(at, random.pick(TYPES), true);
  memory.view.setUint32(at + 8, random.below(160), true);
  memory.view.setUint32(at + 12, random.below(50) === 0 ? random.u32() : 0, true);
  return memory.ramBase + at;
}

/** Throws what must not be. */
export function fuzzBlk(seed: number, inputs: number): void {
  const random = new Random(seed).split("blk");
  const memory = new FakeMemory(2 * DATA_BYTES);
  const inner = new MemoryDisk({ content: DISK_BYTES });
  const within = (offset: number, bytes: number): void =>
    assert(offset >= 0 && offset + bytes <= DISK_BYTES, `${bytes} bytes at ${offset}`);
  const backend = {
    bytes: DISK_BYTES,
    readOnly: false,
    read(offset: number, into: Uint8Array): void {
      within(offset, into.length);
      inner.read(offset, into);
    },
    write(offset: number, from: Uint8Array): void {
      within(offset, from.length);
      inner.write(offset, from);
    },
    discard: within,
    flush: () => undefined,
  };
  const device = new VirtioMmio({
    device: new VirtioBlk({ backend }),
    memory,
    irq: () => undefined,
  });
  const driver = new FakeDriver(device, memory, [0x6244, 1]);
  const seen = { faults: 0, answers: 0 };
  for (let i = 0; i < inputs; i++) {
    if (i % 24 === 0 || driver.needsReset) {
      seen.faults += driver.needsReset ? 1 : 0;
      driver.start();
    }
    ask(driver, memory, random);
    driver.kick(0);
    seen.answers += driver.takeUsed(0).length;
  }
  const clumsy = inputs >= 1000 && (seen.faults === 0 || seen.answers === 0);
  assert(!clumsy, "these drivers were too clumsy to test anything");
}

/** A request of three descriptors or so; one time in two something of it is otherwise. */
function ask(driver: FakeDriver, memory: FakeMemory, random: Random): void {
  const first = random.below(16);
  const data = memory.ramBase + DATA_BYTES + random.below(DATA_BYTES);
  const sizes = [0, 1, 16, 512, 1024, 4096, 70_000, 0xffff_ffff];
  const isRead = random.below(2) === 0;
  const chain = [
    { gpa: header(memory, random), bytes: 16, flags: 1 },
    { gpa: data, bytes: random.below(4) > 0 ? 512 : random.pick(sizes), flags: isRead ? 3 : 1 },
    { gpa: data, bytes: 1, flags: 2 },
  ];
  for (const [i, desc] of chain.entries())
    driver.writeDesc(0, (first + i) % 16, { ...desc, next: (first + i + 1) % 16 });
  if (random.below(2) === 0)
    driver.writeDesc(0, random.below(16), {
      gpa: data - (random.below(8) === 0 ? 4 * DATA_BYTES : 0),
      bytes: random.pick(sizes),
      flags: random.below(8),
      next: random.below(18),
    });
  driver.offer(0, random.below(12) === 0 ? random.below(20) : first);
}
