/** What a hundred forks of a guest with 256 MiB cost: time, and memory for what they write. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { WallClock } from "../../ts/base/clock.ts";
import { Host } from "../../ts/host/host.ts";
import type { VirtualMachine } from "../../ts/host/virtual-machine.ts";

const FORKS = 100;
const FORKS_NS_MAX = 2e9;
const PAGE = 4096;
/** Map and dirty bitmap of 65,536 pages, registers, and what else a vm has for itself. */
const OWN_BYTES_MAX = 80 * PAGE;
const kernel = join(import.meta.dirname, "../../guests/bin/dirtier.elf");

test("a hundred forks take less than 2 s and no memory but what they write", async () => {
  const clock = new WallClock();
  await using host = await Host.create({ memory: "384MiB" });
  const append = "fill=200MiB ws=1MiB rate=2000 heartbeat=0";
  const vm = await host.createVm({ kernel, memory: "256MiB", append });
  await vm.start();
  await vm.console.expect(/ready/);
  const free = host.freeBytes;
  expect(free).toBeLessThan((384 - 200) * 2 ** 20);

  const started = clock.nowNs();
  const forks: VirtualMachine[] = [];
  for (let i = 0; i < FORKS; i++) forks.push(await vm.fork());
  const spentNs = clock.nowNs() - started;
  console.log(`${FORKS} forks of a running guest of 256 MiB in ${(spentNs / 1e6).toFixed(0)} ms`);
  expect(spentNs).toBeLessThan(FORKS_NS_MAX);
  expect(forks.every((fork) => fork.status === "running")).toBe(true);

  for (const one of [vm, ...forks]) await one.pause();
  const copied = [vm, ...forks].reduce((sum, one) => sum + one.info().metrics.copiedPages, 0);
  const taken = free - host.freeBytes;
  expect(taken).toBeGreaterThanOrEqual(copied * PAGE);
  expect(taken).toBeLessThan(copied * PAGE + FORKS * OWN_BYTES_MAX);
  for (const fork of forks) await fork.destroy();
  expect(free - host.freeBytes).toBeLessThanOrEqual(copied * PAGE);
}, 300_000);
