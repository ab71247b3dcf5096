/**
 * Fidelity `guest`: a real guest (the page dirtier), forked from a warm one that has filled its
 * memory, moved by the migration engine over a simulated link on a virtual clock. What is measured
 * is a function of the scenario alone.
 */

import { compileCore } from "../../bindings/bytes.ts";
import { type Core, loadCore } from "../../bindings/core.ts";
import { WasmvisorError } from "../base/errors.ts";
import { VirtualGuest } from "../host/virtual-guest.ts";
import type { GuestRam } from "../vmm/guest-ram.ts";
import { bootLone, loneVm } from "../vmm/lone-vm.ts";
import type { Vm } from "../vmm/vm.ts";
import { measurementOf } from "./page-model.ts";
import type { GuestScenarioRunner, Measurement, Scenario } from "./scenario.ts";
import { simulateMigration } from "./simulate.ts";

/** Speed of the guests in virtual time. */
const MIPS = 500;
/** Memory of one worker's core: warm guest, fork and target of a scenario must fit. */
const CORE_BYTES = 3 * 2 ** 30;
/** What a guest needs beside the memory it fills: itself, stack, page tables. */
const OVERHEAD_BYTES = 6 << 20;
const STEP_NS = 1e6;
const BOOT_NS_MAX = 600e9;
/** The guest says that it lives this often. */
const HEARTBEAT_MS = 10;
const PATTERNS = { uniform: "uniform", sequential: "sequential", "hot-cold": "hotcold" } as const;

/** A guest and what it has printed. */
class Guest {
  readonly vm: Vm;
  text = "";
  readonly #decoder = new TextDecoder();

  constructor(core: Core, memoryBytes: number, ram?: GuestRam) {
    this.vm = loneVm(core, {
      memoryBytes,
      mips: MIPS,
      onConsole: (bytes) => {
        this.text += this.#decoder.decode(bytes, { stream: true });
      },
      ram,
    });
  }

  /** Times of the heartbeats that it has printed, in microseconds of its own time. */
  get beatsUs(): readonly number[] {
    return [...this.text.matchAll(/^hb \d+ (\d+)\r?$/gm)].map((match) => Number(match[1]));
  }

  /** Runs until `word` is printed. */
  until(word: string): void {
    for (let ns = 0; ns < BOOT_NS_MAX; ns += STEP_NS) {
      if (this.text.includes(word)) return;
      if (this.vm.end) break;
      this.vm.runFor(STEP_NS);
    }
    throw new WasmvisorError(
      "WV_GUEST",
      `the dirtier never said "${word}": ${this.text.slice(-200)}`,
    );
  }
}

function pattern(scenario: Scenario): string {
  const { distribution } = scenario;
  if (distribution.kind === "zipf" || distribution.kind === "trace")
    throw new WasmvisorError(
      "WV_LIMIT",
      `a guest writes uniform, sequential or hot-cold, not ${distribution.kind}`,
    );
  if (
    distribution.kind === "hot-cold" &&
    (distribution.hotPages !== 0.1 || distribution.hotWrites !== 0.9)
  )
    throw new WasmvisorError(
      "WV_LIMIT",
      "a guest's hot-cold is 0.9 of the writes to 0.1 of the pages",
    );
  return PATTERNS[distribution.kind];
}

class DirtierRunner implements GuestScenarioRunner {
  readonly #core: Core;
  readonly #kernel: Uint8Array;
  /** The guest that forks are made of, for one size of memory and fill at a time. */
  #warm: { readonly key: string; readonly guest: Guest } | undefined;

  constructor(core: Core, kernel: Uint8Array) {
    this.#core = core;
    this.#kernel = kernel;
  }

  #warmGuest(scenario: Scenario): Guest {
    const { memoryBytes, usedBytes } = scenario;
    const key = `${memoryBytes}/${usedBytes}`;
    if (this.#warm?.key === key) return this.#warm.guest;
    this.#warm?.guest.vm.destroy();
    this.#warm = undefined;
    const guest = new Guest(this.#core, memoryBytes);
    const fill = Math.floor(Math.min(usedBytes, memoryBytes - OVERHEAD_BYTES) / 4096) * 4096;
    if (fill < Math.max(4096, scenario.workingSetBytes))
      throw new WasmvisorError(
        "WV_CONFIG",
        `a guest of ${memoryBytes} bytes can fill ${fill} of them, less than its working set`,
      );
    bootLone(guest.vm, { kernel: this.#kernel, bootArgs: `wait=1 ws=4096 fill=${fill}` });
    guest.until("waiting");
    this.#warm = { key, guest };
    return guest;
  }

  #fork(scenario: Scenario): Guest {
    const warm = this.#warmGuest(scenario).vm;
    const guest = new Guest(this.#core, warm.ram.ramBytes, warm.ram.fork());
    guest.vm.restore(warm.save());
    try {
      this.#begin(guest, scenario);
    } catch (error) {
      guest.vm.destroy();
      throw error;
    }
    return guest;
  }

  /** Tells a fork of the warm guest what to write, and lets it write for a while. */
  #begin(guest: Guest, scenario: Scenario): void {
    const ws = Math.floor(scenario.workingSetBytes / 4096) * 4096;
    const line = `ws=${ws} rate=${Math.round(scenario.dirtyRate)} pattern=${pattern(scenario)} seed=${scenario.seed} idle=sleep heartbeat=${HEARTBEAT_MS}\n`;
    guest.vm.receive(new TextEncoder().encode(line));
    guest.until("ready");
    if (scenario.settleNs > 0) guest.vm.runFor(scenario.settleNs);
  }

  run(scenario: Scenario): Promise<Measurement> {
    const guest = this.#fork(scenario);
    const { ramBytes } = guest.vm.ram;
    let twin: Guest | undefined;
    const result = simulateMigration(scenario, {
      source: (clock) => new VirtualGuest(guest.vm, clock, true),
      target: ({ pageCount }, clock) => {
        twin = new Guest(this.#core, pageCount * 4096);
        return new VirtualGuest(twin.vm, clock, false);
      },
      options: { verify: "memory" },
    });
    const silence = longestSilenceMs(guest, twin, result.stats.downtimeNs);
    // The engine has destroyed the guest on the side that lost it; the other one goes now.
    if (result.state === "completed") twin?.vm.destroy();
    else guest.vm.destroy();
    const measured = measurementOf(result, ramBytes / 4096);
    return Promise.resolve({ ...measured, gap_ms: Math.max(measured.gap_ms, silence) });
  }

  close(): void {
    this.#warm?.guest.vm.destroy();
    this.#warm = undefined;
  }
}

/**
 * The longest silence around and after the switch, as somebody outside sees it: the guest's own time
 * goes on while it waits for pages, but not while it is paused.
 */
function longestSilenceMs(guest: Guest, twin: Guest | undefined, downtimeNs: number): number {
  const after = twin?.beatsUs ?? [];
  const before = guest.beatsUs.at(-1);
  let longestUs = 0;
  for (const [i, beatUs] of after.entries()) {
    const lastUs = i > 0 ? (after[i - 1] as number) : (before ?? beatUs) - downtimeNs / 1e3;
    longestUs = Math.max(longestUs, beatUs - lastUs);
  }
  return Math.round(longestUs) / 1e3;
}

/** The runner for `guest` scenarios, with its own core: one for each worker thread. */
export async function createGuestScenarioRunner(): Promise<GuestScenarioRunner> {
  const { readFile } = await import("node:fs/promises");
  const { findGuest } = await import("./guest-file.ts");
  const core = await loadCore(await compileCore(), { wallTicks: () => 0 }, CORE_BYTES);
  return new DirtierRunner(core, await readFile(findGuest("dirtier.elf")));
}
