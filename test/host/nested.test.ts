/**
 * A vm is saved, restored, forked and moved while its vCPU is in a guest of its own (V = 1): what that
 * computes and when its timer interrupts stay the same to the bit, on whichever engine it goes on.
 */
import { afterEach, describe, expect, test } from "vitest";
import { HART_HGATP, HART_VIRT, HART_VSATP } from "../../bindings/abi.ts";
import { Daemon } from "../../ts/host/daemon/server.ts";
import { Host } from "../../ts/host/host.ts";
import type { VirtualMachine } from "../../ts/host/virtual-machine.ts";
import { nestedGuest } from "./nested-guest.ts";

const SUM = /([a-p]{16})\n/;
/** Three turns of a host's loop, and enough of them to be moved meanwhile. */
const [SHORT, LONG] = [0x3_0000, 0x40_0000] as const;
const optionsOf = (iterations: number) =>
  ({ bare: nestedGuest(iterations), memory: "16MiB", clock: "virtual", mips: 100 }) as const;
const hosts: Host[] = [];

afterEach(async () => {
  for (const host of hosts.splice(0)) await host.close();
});

async function hostWith(engine: "interpreter" | "translator" | "auto"): Promise<Host> {
  const host = await Host.create({ memory: "64MiB", engine });
  hosts.push(host);
  return host;
}

/** What the guest says at its end. */
async function sumOf(vm: VirtualMachine): Promise<string> {
  const [, sum = ""] = await vm.console.expect(SUM);
  expect(await vm.wait()).toEqual({ type: "poweroff" });
  return sum;
}

const hartOf = (vm: VirtualMachine) => vm.machine.vcpus[0];
const isNested = (vm: VirtualMachine): boolean => hartOf(vm)?.getU32(HART_VIRT) === 1;

/** A vm that is paused amid its computation, with V = 1. */
async function nested(host: Host): Promise<VirtualMachine> {
  const vm = await host.createVm(optionsOf(SHORT));
  await vm.start();
  await vm.console.expect(/\.\./);
  for (;;) {
    await vm.pause();
    if (isNested(vm)) break;
    await vm.resume();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(vm.console.text).not.toMatch(SUM);
  expect(hartOf(vm)?.getBig(HART_VSATP)).not.toBe(0n);
  expect(hartOf(vm)?.getBig(HART_HGATP)).not.toBe(0n);
  return vm;
}

const references = new Map<number, string>();

/** The sum of a run that nobody disturbs. */
async function undisturbed(iterations: number = SHORT): Promise<string> {
  const engine = iterations === SHORT ? "interpreter" : "auto";
  const known = references.get(iterations);
  if (known !== undefined) return known;
  const vm = await (await hostWith(engine)).createVm(optionsOf(iterations));
  await vm.start();
  const sum = await sumOf(vm);
  references.set(iterations, sum);
  return sum;
}

describe.each([
  ["interpreter", "translator"],
  ["translator", "interpreter"],
  ["auto", "auto"],
] as const)("from %s to %s", (from, to) => {
  test("left alone", async () => {
    const vm = await (await hostWith(from)).createVm(optionsOf(SHORT));
    await vm.start();
    expect(await sumOf(vm)).toBe(await undisturbed());
  });

  test("a snapshot goes on elsewhere, and the vm goes on itself", async () => {
    const expected = await undisturbed();
    const vm = await nested(await hostWith(from));
    const bytes = await vm.snapshotBytes();
    const copy = await (await hostWith(to)).restore(bytes);
    expect(isNested(copy)).toBe(true);
    await copy.resume();
    expect(await sumOf(copy)).toBe(expected);
    await vm.resume();
    expect(await sumOf(vm)).toBe(expected);
  });

  test("forks, and forks of forks, go on beside it", async () => {
    const expected = await undisturbed();
    const vm = await nested(await hostWith(from));
    const child = await vm.fork();
    expect(isNested(child)).toBe(true);
    const grandchild = await child.fork();
    for (const one of [vm, child, grandchild]) await one.resume();
    expect(await Promise.all([vm, child, grandchild].map(sumOf))).toEqual(Array(3).fill(expected));
  });

  test("it moves at rest", async () => {
    const expected = await undisturbed();
    const vm = await nested(await hostWith(from));
    const target = await hostWith(to);
    await using daemon = await Daemon.listen(target, { listen: "tcp://127.0.0.1:0" });
    const nestedOnArrival: boolean[] = [];
    target.events.on("arrived", ({ vm: one }) => nestedOnArrival.push(isNested(one)));
    const { state } = await vm.migrate(daemon.address, { strategy: "stop-and-copy" });
    expect([state, nestedOnArrival]).toEqual(["completed", [true]]);
    await target.vm(vm.name).resume(); // Who was at rest still is.
    expect(await sumOf(target.vm(vm.name))).toBe(expected);
  });
});

test("it moves while it runs and dirties its guest's pages", async () => {
  const expected = await undisturbed(LONG);
  const target = await hostWith("auto");
  await using daemon = await Daemon.listen(target, { listen: "tcp://127.0.0.1:0" });
  const vm = await (await hostWith("auto")).createVm(optionsOf(LONG));
  await vm.start();
  await vm.console.expect(/\.\./);
  const { state, stats } = await vm.migrate(daemon.address, { strategy: "pre-copy" });
  expect(state).toBe("completed");
  expect(stats.rounds.length).toBeGreaterThan(1);
  expect(await sumOf(target.vm(vm.name))).toBe(expected);
});
