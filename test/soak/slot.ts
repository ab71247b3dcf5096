/** One guest of a soak: its vm, what its clock must say, and a digest of all that it ever printed. */
import { createHash } from "node:crypto";
import { HART_SPACE, HART_WALKS, PAGE_BYTES } from "../../bindings/abi.ts";
import type { VirtualMachine } from "../../ts/host/virtual-machine.ts";
import { compareHarts } from "../diff/hart-fields.ts";
import type { Workload } from "./workloads.ts";

const NS = 1e9;
/** The guest's clock is read and printed in steps of 10 ms, and it takes a moment to do so. */
const TOLERANCE_S = 0.05;
/** Fields of the registers that say where a guest is, and what TLBs that it shares with others did to it. */
const LOCAL_FIELDS = [HART_SPACE, HART_WALKS, HART_WALKS + 4] as const;

const sha = (...parts: (string | Uint8Array)[]): string => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};

export class Slot {
  vm: VirtualMachine;
  readonly #workload: Workload;
  readonly #complain: (what: string) => void;
  /** Where the clock must stand, in cycles. */
  #cycles: number;
  /** The host's seconds minus the guest's, within these bounds; and how many beats were compared. */
  #offset: readonly [min: number, max: number] = [
    Number.NEGATIVE_INFINITY,
    Number.POSITIVE_INFINITY,
  ];
  beats = 0;
  #printed = "";
  #text = "";
  #forget: () => void = () => undefined;

  constructor(vm: VirtualMachine, workload: Workload, complain: (what: string) => void) {
    this.vm = vm;
    this.#workload = workload;
    this.#complain = complain;
    this.#cycles = vm.machine.clock.cycles();
    this.#listen();
  }

  #listen(): void {
    this.#forget = this.vm.console.events.on("output", ({ bytes }) => {
      this.#printed = sha(this.#printed, bytes);
      this.#text += Buffer.from(bytes).toString("latin1");
    });
  }

  /** A slot that goes on as this one, with `vm`: a fork of its guest, or its restored twin. */
  twin(vm: VirtualMachine): Slot {
    const twin = new Slot(vm, this.#workload, this.#complain);
    twin.#offset = this.#offset;
    twin.beats = this.beats;
    twin.#printed = this.#printed;
    twin.#text = this.#text;
    if (twin.#cycles !== this.#cycles) this.#complain(`${vm.name}: a twin's clock differs`);
    return twin;
  }

  get seconds(): number {
    const { clock } = this.vm.machine;
    return clock.ticks() / 1e7;
  }

  /** Lets `ns` of the guest's time pass, to the cycle. */
  run(ns: number): void {
    const { clock } = this.vm.machine;
    const before = this.seconds;
    this.vm.machine.runFor(ns);
    this.vm.console.flush();
    this.#cycles += Math.round((ns / NS) * 1e7 * clock.cyclesPerTick);
    if (clock.cycles() !== this.#cycles)
      this.#complain(`${this.vm.name}: the clock stands at ${clock.cycles()}, not ${this.#cycles}`);
    if (this.vm.machine.end)
      this.#complain(`${this.vm.name}: ended, ${JSON.stringify(this.vm.machine.end)}`);
    this.#compare(before);
  }

  /** Every time that the guest told since `before` must fit what is known of its offset. */
  #compare(before: number): void {
    const lines = this.#text.split("\n");
    this.#text = lines.pop() as string;
    const { ask, beat } = this.#workload;
    for (const line of lines) {
      const told = beat.exec(line) ?? ask?.answer.exec(line);
      if (told) this.#beat(Number(told[1]) / this.#workload.perSecond, before);
    }
  }

  #beat(told: number, before: number): void {
    const [min, max] = [before - told - TOLERANCE_S, this.seconds - told + TOLERANCE_S];
    this.beats++;
    if (min > this.#offset[1] || max < this.#offset[0])
      this.#complain(`${this.vm.name}: drift, ${told} s at ${before} to ${this.seconds} s`);
    this.#offset = [Math.max(min, this.#offset[0]), Math.min(max, this.#offset[1])];
  }

  /** How well the offset is known, in seconds. */
  get uncertainty(): number {
    return this.#offset[1] - this.#offset[0];
  }

  /** Asks the guest for the time, and lets it pass in small steps until it answers. */
  ask(stepNs: number, stepsMax: number): void {
    const { ask } = this.#workload;
    if (!ask) return;
    this.vm.console.write(ask.text);
    const { beats } = this;
    for (let i = 0; i < stepsMax && this.beats === beats; i++) this.run(stepNs);
    if (this.beats === beats)
      this.#complain(`${this.vm.name}: no answer in ${(stepNs * stepsMax) / NS} s`);
  }

  /** Hash of its memory; pages that have not arrived are brought. */
  memory(): bigint {
    const { ram } = this.vm.machine;
    ram.arriveAll();
    return this.#hash(0, ram.ramBytes / PAGE_BYTES);
  }

  /** Hash of each page. */
  pages(): bigint[] {
    const { ram } = this.vm.machine;
    ram.arriveAll();
    return Array.from({ length: ram.ramBytes / PAGE_BYTES }, (_, i) => this.#hash(i, i + 1));
  }

  #hash(from: number, to: number): bigint {
    const { ram, options } = this.vm.machine;
    return BigInt.asUintN(64, options.core.exports.hashPages(ram.space, from, to));
  }

  /** Everything of the guest that two runs with one seed must have in common. */
  digest(): string {
    const { machine } = this.vm;
    const registers = machine.vcpus.map((vcpu) => guestPart(vcpu.save().registers));
    return sha(this.#printed, `${this.memory()} ${machine.clock.cycles()}`, ...registers);
  }

  /** In what this guest and `other` differ, by name. */
  differences(other: Slot): string[] {
    const names = this.vm.machine.vcpus.flatMap((vcpu, i) => {
      const twin = other.vm.machine.vcpus[i]?.save().registers as Uint8Array;
      return compareHarts(vcpu.save().registers, twin).map(({ name }) => name);
    });
    if (this.memory() !== other.memory()) names.push("memory");
    if (this.#printed !== other.#printed) names.push("console");
    return names;
  }

  async destroy(): Promise<void> {
    this.#forget();
    await this.vm.destroy();
  }
}

/** Registers without where in the host's memory the guest is. */
function guestPart(registers: Uint8Array): Uint8Array {
  const copy = registers.slice();
  for (const field of LOCAL_FIELDS) copy.fill(0, field, field + 4);
  return copy;
}
