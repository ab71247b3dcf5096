/**
 * Guests of a few instructions that run for some milliseconds, and move. What a guest that moves needs
 * (the interpreter, the translator, its devices, its clock, its state, its pages, the migration itself) is compiled
 * when it is needed first, and that would be while it stands still (measured: see docs/decisions.md).
 */

import { PAGE_BYTES } from "../../bindings/abi.ts";
import type { Core } from "../../bindings/core.ts";
import { promiseOf } from "../base/task.ts";
import { memoryChannels } from "../migrate/channel.ts";
import { migrate } from "../migrate/source.ts";
import { RAM_BASE } from "../vmm/guest-ram.ts";
import { loneVm } from "../vmm/lone-vm.ts";
import type { Host } from "./host.ts";
import { MigrationReceiver } from "./migration-receiver.ts";
import type { VirtualMachine } from "./virtual-machine.ts";

const VM_BYTES = 4 << 20;
/** So much moves: what buffers are made of is touched, too. */
const FILLER_BYTES = 1 << 21;
const CYCLES = 3_000_000;
const HOST_BYTES = 8 << 20;
const ELF_HEADERS_BYTES = 120;
/** What the guest prints before it moves, and after that: it asks for the time 1,024 times for each. */
const DOTS = /\.{48}/;
/** The guest's clock has run for a while: numbers that are small at first are what code is compiled for. */
const OLD_TICKS = 2 ** 33;
/** On a machine that is so busy everything is late. */
const TIMEOUT_MS = 10_000;

/** Where a guest comes in over sockets, and what it has to know. */
export interface Door {
  readonly target: string;
  readonly token: string;
  readonly close: () => void;
}

export interface RehearsalOptions {
  /** The core of a host, whose own memory is touched. */
  readonly core: Core;
  /** Another host like it, with so much memory. */
  readonly newHost: (memoryBytes: number) => Promise<Host>;
  /** Without one, the guest moves in memory. */
  readonly openDoor?: ((receiver: MigrationReceiver) => Promise<Door>) | undefined;
}

/** A loop over loads, stores and arithmetic, then the time, a device, the firmware; all of it some hundred times. */
const PROGRAM = Uint32Array.of(
  0x00001497, // auipc s1, 1
  0x10000937, // lui   s2, 0x10000
  0x40000413, // li    s0, 1024
  0x0084b023, // sd    s0, 0(s1)
  0x0004b303, // ld    t1, 0(s1)
  0x00830333, // add   t1, t1, s0
  0x008343b3, // xor   t2, t1, s0
  0x00339393, // slli  t2, t2, 3
  0x026383b3, // mul   t2, t2, t1
  0x0074a423, // sw    t2, 8(s1)
  0x0084ce03, // lbu   t3, 8(s1)
  0xc01022f3, // rdtime t0
  0xfff40413, // addi  s0, s0, -1
  0xfc041ce3, // bnez  s0, the sd
  0x02e00513, // li    a0, '.'
  0x00a90023, // sb    a0, 0(s2)
  0x00100893, // li    a7, 1
  0x00000073, // ecall
  0x40000413, // li    s0, 1024
  0xfc1ff06f, // j     the sd
);

/** The program as an ELF file: two headers, and what belongs to the start of RAM. */
function kernel(): Uint8Array {
  const code = new Uint8Array(FILLER_BYTES).fill(1);
  code.set(new Uint8Array(PROGRAM.buffer));
  const view = new DataView(new ArrayBuffer(ELF_HEADERS_BYTES + code.length));
  const u16 = (at: number, value: number): void => view.setUint16(at, value, true);
  const u64 = (at: number, value: number): void => view.setBigUint64(at, BigInt(value), true);
  view.setUint32(0, 0x7f454c46);
  view.setUint32(4, 0x02010100); // 64 bits, little endian.
  u16(16, 2); // An executable,
  u16(18, 243); // for RISC-V,
  u64(24, RAM_BASE); // that begins there,
  u64(32, 64); // and whose program headers,
  u16(54, 56);
  u16(56, 1); // of which there is one, are there:
  u16(64, 1); // to be loaded,
  u64(72, ELF_HEADERS_BYTES); // from there,
  for (const at of [80, 88]) u64(at, RAM_BASE); // to there,
  for (const at of [96, 104]) u64(at, code.length); // so much.
  new Uint8Array(view.buffer).set(code, ELF_HEADERS_BYTES);
  return new Uint8Array(view.buffer);
}

/** The core's tables are at the start of what lies before its frames, the translator's at the end. */
const TABLE_BYTES = 6 << 20;

/** A page of fresh memory costs 10 us when it is written first, and a guest that came writes hundreds at once. */
function touchTables({ frames, u8 }: Core): void {
  const endBytes = u8.length - frames * PAGE_BYTES;
  const touch = (from: number, to: number): void => {
    for (let at = from; at < to; at += PAGE_BYTES) u8[at] = u8[at] as number;
  };
  touch(0, Math.min(endBytes, TABLE_BYTES));
  touch(Math.max(0, endBytes - TABLE_BYTES), endBytes);
}

/** Lets the program run in `core`, and leaves nothing behind. Throws `WV_NO_MEMORY`. */
function runIn(core: Core): void {
  touchTables(core);
  const vm = loneVm(core, { memoryBytes: VM_BYTES, mips: 100 });
  try {
    const bytes = new Uint8Array(PROGRAM.buffer);
    const boot = { entry: RAM_BASE, deviceTreeGpa: 0, firmwareInfoGpa: 0, elf: undefined };
    vm.boot({ writes: [{ gpa: RAM_BASE, bytes }], ...boot });
    vm.run(CYCLES);
  } finally {
    vm.destroy();
  }
}

/** A guest of a small host leaves for another one, as guests leave this host and come to it. */
async function moveOnce({ newHost, openDoor }: RehearsalOptions): Promise<boolean> {
  const here = await newHost(HOST_BYTES);
  const there = await newHost(HOST_BYTES);
  there.needsNoRehearsal();
  try {
    const arrived = new Promise<VirtualMachine>((resolve) =>
      there.events.on("arrived", ({ vm }) => resolve(vm)),
    );
    const vm = await here.createVm({ name: "rehearsal", kernel: kernel(), memory: VM_BYTES });
    vm.machine.clock.restore({ ticks: OLD_TICKS });
    await vm.start();
    await vm.console.expect(DOTS, { timeoutMs: TIMEOUT_MS });
    const receiver = new MigrationReceiver(there);
    const isThere = openDoor
      ? await throughDoor(vm, await openDoor(receiver))
      : await inMemory(here, vm, receiver);
    if (isThere) await (await arrived).console.expect(DOTS, { timeoutMs: TIMEOUT_MS });
    return isThere;
  } finally {
    await here.close();
    await there.close();
  }
}

async function throughDoor(vm: VirtualMachine, door: Door): Promise<boolean> {
  try {
    const { state } = await vm.migrate(door.target, { token: door.token });
    return state === "completed";
  } finally {
    door.close();
  }
}

async function inMemory(
  { clock }: Host,
  vm: VirtualMachine,
  receiver: MigrationReceiver,
): Promise<boolean> {
  const [near, far] = memoryChannels();
  const came = receiver.receive(() => far);
  const how = { id: "rehearsal", strategy: "pre-copy", drain: "before-switch" } as const;
  const { state } = await promiseOf(migrate(vm.migratable(), near, { clock, ...how }));
  await came;
  return state === "completed";
}

/** False: the guest did not come, so some of it is still cold. Throws `WV_NO_MEMORY`, `WV_TIMEOUT`. */
export async function rehearse(options: RehearsalOptions): Promise<boolean> {
  runIn(options.core);
  return moveOnce(options);
}
