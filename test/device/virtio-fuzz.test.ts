/**
 * Drivers without any plan: honest requests, tampered ones, and arbitrary writes to rings and
 * registers. Nothing throws, a broken rule shows as NEEDS_RESET, and saving and restoring the device
 * at any point changes nothing. fast-check prints the seed of a failure.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { VirtioBlk } from "../../ts/device/virtio/blk.ts";
import { VirtioConsole } from "../../ts/device/virtio/console.ts";
import type { VirtioDevice } from "../../ts/device/virtio/device.ts";
import { VirtioMmio } from "../../ts/device/virtio/mmio.ts";
import { VirtioRng } from "../../ts/device/virtio/rng.ts";
import { MemoryDisk } from "../../ts/storage/memory-disk.ts";
import { type Buffer, FakeDriver, FakeMemory, isSameBytes } from "./fakes.ts";
import { fuzzBlk } from "./fuzz-blk.ts";

const RAM = 0x8000_0000;
const RAM_BYTES = 2 << 20;
const RING_BYTES = 0x8000;

type MakeDevice = (disk: MemoryDisk) => VirtioDevice;
const DEVICES: Record<string, MakeDevice> = {
  blk: (backend) => new VirtioBlk({ backend }),
  console: () => new VirtioConsole({ onTransmit: () => undefined }),
  rng: () => new VirtioRng({ random: { fill: (into) => into.fill(1) } }),
};

const queue = fc.integer({ min: 0, max: 1 });
const buffer: fc.Arbitrary<Buffer> = fc.oneof(
  fc.record({ send: fc.uint8Array({ minLength: 1, maxLength: 40 }) }),
  fc.record({ receive: fc.integer({ min: 1, max: 1600 }) }),
);
const blkRequest = fc
  .tuple(fc.constantFrom(0, 1, 4, 8, 11, 13, 77), fc.integer({ min: 0, max: 130 }), fc.nat(3))
  .map(([type, sector, sectors]): Buffer[] => {
    const header = new Uint8Array(16);
    header.set([type, 0, 0, 0, 0, 0, 0, 0, sector]);
    const data: Buffer[] =
      type === 1 ? [{ send: new Uint8Array(512 * sectors + 1).fill(sector).subarray(1) }] : [];
    if (type === 0 && sectors > 0) data.push({ receive: 512 * sectors });
    const hasData = data.every((part) => !("send" in part) || part.send.length > 0);
    return [{ send: header }, ...(hasData ? data : []), { receive: 1 }];
  });
const tamper = fc.record({
  at: fc.integer({ min: 0, max: 15 }),
  gpa: fc.oneof(
    fc.integer({ min: RAM, max: RAM + RAM_BYTES }),
    fc.integer({ min: RAM, max: RAM + RING_BYTES }), // Over the rings themselves.
    fc.double({ min: 0, max: 2 ** 64, noNaN: true, maxExcluded: true }).map(Math.floor),
  ),
  bytes: fc.oneof(fc.constantFrom(0, 1, 16, 17, 512, 0xffff_ffff), fc.nat(70_000)),
  flags: fc.integer({ min: 0, max: 7 }),
  next: fc.oneof(fc.integer({ min: 0, max: 17 }), fc.constant(0xffff)),
});
const action = fc.oneof(
  { weight: 8, arbitrary: fc.record({ queue, request: blkRequest }) },
  {
    weight: 6,
    arbitrary: fc.record({ queue, request: fc.array(buffer, { minLength: 1, maxLength: 4 }) }),
  },
  { weight: 2, arbitrary: fc.record({ queue, desc: tamper }) },
  { weight: 2, arbitrary: fc.record({ queue, offer: fc.integer({ min: 0, max: 17 }) }) },
  { weight: 1, arbitrary: fc.record({ offset: fc.nat(0x120), value: fc.nat(0xffff_ffff) }) },
  { weight: 1, arbitrary: fc.record({ poke: fc.nat(RING_BYTES - 2), value: fc.nat(0xffff) }) },
  { weight: 4, arbitrary: fc.record({ input: fc.uint8Array({ minLength: 1, maxLength: 300 }) }) },
  { weight: 3, arbitrary: fc.constant({ restart: true }) },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

/** One machine with one device, and the totals over all its lives. */
class Arena {
  readonly memory = new FakeMemory(RAM_BYTES);
  readonly disk = new MemoryDisk({ content: 64 * 1024 });
  readonly #make: MakeDevice;
  #inner: VirtioDevice;
  device: VirtioMmio;
  readonly driver: FakeDriver;
  chains = 0;
  faults = 0;

  constructor(make: MakeDevice) {
    this.#make = make;
    this.#inner = make(this.disk);
    this.device = this.#transport();
    this.driver = new FakeDriver(this.device, this.memory, [0x3000_0000, 1]).start();
  }

  #transport(): VirtioMmio {
    return new VirtioMmio({ device: this.#inner, memory: this.memory, irq: () => undefined });
  }

  /** Goes on with a fresh device that has the state of the old one. */
  replace(): void {
    this.count();
    const state = structuredClone(this.device.save());
    this.#inner = this.#make(this.disk);
    this.device = this.#transport();
    this.device.restore(state);
    this.driver.device = this.device;
  }

  count(): void {
    const { queues, faults } = this.device.metrics();
    this.chains += queues.reduce((sum, { chains }) => sum + chains, 0);
    this.faults += Object.values(faults).reduce((sum, count) => sum + count, 0);
  }

  step(action: Action): void {
    const { driver } = this;
    const faultsBefore = JSON.stringify(this.device.metrics().faults);
    const index = "queue" in action ? Math.min(action.queue, this.device.queues.length - 1) : 0;
    if ("request" in action) driver.add(index, sendsFirst(action.request));
    else if ("desc" in action) driver.writeDesc(index, action.desc.at, action.desc);
    else if ("offer" in action) driver.offer(index, action.offer);
    else if ("offset" in action) this.device.store(action.offset & ~3, 4, action.value);
    else if ("poke" in action) this.memory.view.setUint16(action.poke, action.value, true);
    else if ("restart" in action) driver.start();
    else if (this.#inner instanceof VirtioConsole) this.#inner.receive(action.input);
    if ("queue" in action) driver.kick(index);
    const isFaulted = JSON.stringify(this.device.metrics().faults) !== faultsBefore;
    if (isFaulted) expect(driver.needsReset).toBe(true);
  }
}

/** Readable buffers before writable ones, as the rules are. */
function sendsFirst(buffers: readonly Buffer[]): Buffer[] {
  return [...buffers.filter((b) => "send" in b), ...buffers.filter((b) => "receive" in b)];
}

for (const [name, make] of Object.entries(DEVICES))
  test(`${name} survives any driver, and a save and restore at any point changes nothing`, () => {
    const reached = { chains: 0, faults: 0 };
    const run = (actions: readonly Action[], cut: number) => {
      const arena = new Arena(make);
      for (const [i, step] of actions.entries()) {
        if (i === cut) arena.replace();
        arena.step(step);
      }
      arena.count();
      reached.chains += arena.chains;
      reached.faults += arena.faults;
      const content = new Uint8Array(arena.disk.bytes);
      arena.disk.read(0, content);
      const { chains, faults } = arena;
      return { ram: arena.memory.ram, content, state: arena.device.save(), chains, faults };
    };
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), fc.nat(60), (actions, cut) => {
        const plain = run(actions, -1);
        const restored = run(actions, cut);
        expect(restored.state).toEqual(plain.state);
        expect([restored.chains, restored.faults]).toEqual([plain.chains, plain.faults]);
        expect(isSameBytes(restored.ram, plain.ram)).toBe(true);
        expect(isSameBytes(restored.content, plain.content)).toBe(true);
      }),
      { numRuns: 150 },
    );
    // Else these drivers were too clumsy to test anything.
    expect(reached.chains).toBeGreaterThan(100);
    expect(reached.faults).toBeGreaterThan(10);
  }, 300_000);

test("a disk stands any driver, and nobody leaves it", () => fuzzBlk(1, 20_000));
