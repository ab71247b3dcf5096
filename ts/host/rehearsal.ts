/**
 * Guests that run for some milliseconds, and move. What a guest that moves needs (the interpreter, the translator, its
 * devices, its clock, its state, its pages, the migration itself) is compiled when it is needed first, and that
 * would be while it stands still (measured: see docs/decisions.md).
 */

import { PAGE_BYTES } from "../../bindings/abi.ts";
import type { Core } from "../../bindings/core.ts";
import { promiseOf } from "../base/task.ts";
import { memoryChannels } from "../migrate/channel.ts";
import { migrate } from "../migrate/source.ts";
import { loneVm } from "../vmm/lone-vm.ts";
import { RAM_BASE } from "../vmm/memory-map.ts";
import type { Host } from "./host.ts";
import { MigrationReceiver } from "./migration-receiver.ts";
import { rehearsalKernel, rehearsalMemory } from "./rehearsal-guest.ts";
import type { VirtualMachine } from "./virtual-machine.ts";

const VM_BYTES = 4 << 20;
/** So much moves: what buffers are made of is touched, too. */
const FILLER_BYTES = 1 << 21;
/** What the guest is before it runs. */
const PROGRAM_BYTES = 3 * PAGE_BYTES;
/** So long it runs in the core of the host, by its own clock: 3 million cycles or so. */
const RUN_NS = 120e6;
const HOST_BYTES = 8 << 20;
/** What the guest prints before it moves, and after that: it asks for the time 1,024 times for each. */
const DOTS = /\.{48}/;
/** A state of 3 KB takes 0.3 ms of an interpreter, and as long to read. */
const STOPS = 48;
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
    const bytes = rehearsalMemory(PROGRAM_BYTES);
    const boot = { entry: RAM_BASE, deviceTreeGpa: 0, firmwareInfoGpa: 0, elf: undefined };
    vm.boot({ writes: [{ gpa: RAM_BASE, bytes }], ...boot });
    vm.runFor(RUN_NS);
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
    const kernel = rehearsalKernel(FILLER_BYTES);
    const vm = await here.createVm({ name: "rehearsal", kernel, memory: VM_BYTES });
    vm.machine.clock.restore({ ticks: OLD_TICKS });
    await vm.start();
    await vm.console.expect(DOTS, { timeoutMs: TIMEOUT_MS });
    await stopAndGo(vm);
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

/** What is done once while a guest stands still, often enough for V8 to compile it. */
async function stopAndGo(vm: VirtualMachine): Promise<void> {
  const guest = vm.migratable();
  for (let i = 0; i < STOPS; i++) {
    await guest.pause();
    guest.restoreState(guest.saveState());
    await guest.resume();
  }
  guest.release();
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
