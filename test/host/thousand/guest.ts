/** A guest on a virtual clock whose memory is a function of the instructions it has executed: `guests/pulse.c`. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HART_PC } from "../../../bindings/abi.ts";
import type { Core } from "../../../bindings/core.ts";
import type { GuestRam } from "../../../ts/vmm/guest-ram.ts";
import { bootLone, loneGuest, loneVm } from "../../../ts/vmm/lone-vm.ts";
import type { Vm } from "../../../ts/vmm/vm.ts";
import { ROOT } from "../daemon-process.ts";

const RAM_BYTES = 4 << 20;
const MIPS = 50;
const STEP_NS = 1e6;
const PATIENCE_NS = 1e9;

export class Pulse {
  readonly vm: Vm;
  readonly core: Core;
  text = "";

  constructor(core: Core, ram?: GuestRam) {
    this.core = core;
    this.vm = loneVm(core, {
      memoryBytes: RAM_BYTES,
      mips: MIPS,
      onConsole: (bytes) => {
        this.text += String.fromCharCode(...bytes);
      },
      ram,
    });
  }

  /** Boots one that waits for its parameters. */
  static boot(core: Core): Pulse {
    const pulse = new Pulse(core);
    const kernel = readFileSync(join(ROOT, "guests/bin/pulse.elf"));
    bootLone(pulse.vm, { kernel, bootArgs: "wait=1" });
    pulse.until("waiting");
    return pulse;
  }

  fork(): Pulse {
    const child = new Pulse(this.core, this.vm.ram.fork());
    child.vm.restore(this.vm.save());
    return child;
  }

  type(line: string): void {
    this.vm.receive(new TextEncoder().encode(line));
  }

  /** Runs until it has printed something like `pattern`; false if it does not come. */
  until(pattern: string | RegExp): boolean {
    for (let ns = 0; ns < PATIENCE_NS && !this.vm.end; ns += STEP_NS) {
      if (this.text.match(pattern)) return true;
      this.vm.runFor(STEP_NS);
    }
    return this.text.match(pattern) !== null;
  }

  get instructions(): number {
    return this.vm.metrics().instructions;
  }

  /** It waits in WFI, and a timer is to wake it. */
  get sleeps(): boolean {
    const [vcpu] = this.vm.vcpus;
    return vcpu?.isWaiting === true && Number.isFinite(vcpu.timerTicks);
  }

  /** Runs until it has executed this many instructions in all; false if it cannot. */
  runTo(instructions: number): boolean {
    for (;;) {
      const left = instructions - this.instructions;
      if (left <= 0) return left === 0;
      const { state } = this.vm.run(left);
      if (state === "ended" || (state === "idle" && !this.vm.skipIdle())) return false;
    }
  }

  /** Where it is and what its memory holds; with `time` also its registers and its clock. */
  fingerprint(time: "with-time" | "without-time"): string {
    const [vcpu] = this.vm.vcpus as [(typeof this.vm.vcpus)[0] & object];
    const guest = loneGuest(this.vm);
    const plain = [guest.memoryHash(), vcpu.getBig(HART_PC), this.instructions];
    if (time === "without-time") return plain.join(" ");
    const x = Array.from({ length: 32 }, (_, i) => vcpu.x(i)).map(({ lo, hi }) => `${hi}:${lo}`);
    return [...plain, this.vm.clock.cycles(), vcpu.timerTicks, ...x].join(" ");
  }
}
