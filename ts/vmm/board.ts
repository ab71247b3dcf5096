/** The devices of one vm, put where `memory-map.ts` says. */
import { IRQ_MEI, IRQ_MSI, IRQ_SEI } from "../../bindings/abi.ts";
import type { Random } from "../base/random.ts";
import { Aclint } from "../device/aclint.ts";
import { GoldfishRtc } from "../device/goldfish-rtc.ts";
import { Ns16550a } from "../device/ns16550a.ts";
import { Plic } from "../device/plic.ts";
import { Syscon, type SysconShutdown } from "../device/syscon.ts";
import { VirtioBlk } from "../device/virtio/blk.ts";
import { VirtioConsole } from "../device/virtio/console.ts";
import type { VirtioDevice } from "../device/virtio/device.ts";
import { VirtioMmio } from "../device/virtio/mmio.ts";
import { VirtioNet, type VirtioNetOptions } from "../device/virtio/net.ts";
import { type RandomSource, VirtioRng } from "../device/virtio/rng.ts";
import type { BlockBackend } from "../machine/block.ts";
import type { GuestClock } from "../machine/guest-clock.ts";
import type { GuestMemory } from "../machine/guest-memory.ts";
import { MmioBus } from "../machine/mmio.ts";
import { badState, StateFields } from "../machine/state-fields.ts";
import {
  ACLINT_BASE,
  PLIC_BASE,
  RTC_BASE,
  RTC_IRQ,
  SYSCON_BASE,
  UART_BASE,
  UART_IRQ,
  VIRTIO_BASE,
  VIRTIO_IRQ,
  VIRTIO_STRIDE,
} from "./memory-map.ts";
import type { Vcpu } from "./vcpu.ts";

/** Which console the guest talks to. */
export type ConsoleKind = "uart" | "virtio";

export interface BoardOptions {
  readonly vcpus: readonly Vcpu[];
  readonly memory: GuestMemory;
  readonly clock: GuestClock;
  readonly random: Random;
  readonly disks: readonly BlockBackend[];
  readonly console: ConsoleKind;
  readonly nics?: readonly Omit<VirtioNetOptions, "name">[] | undefined;
  /** The ACLINT and M-mode interrupts exist only for guests that own M-mode. */
  readonly isBare: boolean;
  readonly onConsole: (bytes: Uint8Array) => void;
  readonly onShutdown: (shutdown: SysconShutdown) => void;
}

/** A device that is saved by name. */
interface Saved {
  readonly name: string;
  save(): object;
  restore(state: never): void;
}

export interface BoardState {
  readonly devices: Readonly<Record<string, object>>;
}

export class Board {
  readonly bus = new MmioBus();
  readonly uart: Ns16550a;
  readonly rtc: GoldfishRtc;
  readonly aclint: Aclint | undefined;
  readonly virtioConsole: VirtioConsole | undefined;
  readonly nics: readonly VirtioNet[];
  /** Slots in use. */
  readonly virtioSlots: number;
  /** Time of day at which the RTC wants to be polled. */
  rtcAlarmNs = Number.POSITIVE_INFINITY;
  readonly #virtio: VirtioMmio[] = [];
  readonly #saved: Saved[] = [];
  readonly #options: BoardOptions;

  constructor(options: BoardOptions) {
    this.#options = options;
    const { clock, onConsole, vcpus } = options;
    const plic = new Plic({
      hartCount: vcpus.length,
      onOutput: (context, level) =>
        vcpus[context >> 1]?.setLines(context & 1 ? IRQ_SEI : IRQ_MEI, level),
    });
    this.uart = new Ns16550a({ irq: plic.line(UART_IRQ), onTransmit: onConsole });
    this.rtc = new GoldfishRtc({
      clock,
      irq: plic.line(RTC_IRQ),
      onAlarm: (at) => {
        this.rtcAlarmNs = at;
      },
    });
    const syscon = new Syscon({ onShutdown: options.onShutdown });
    this.#map(SYSCON_BASE, syscon);
    this.#map(RTC_BASE, this.rtc);
    this.#map(PLIC_BASE, plic);
    this.#map(UART_BASE, this.uart);
    if (options.isBare) this.aclint = this.#mapAclint();
    if (options.console === "virtio")
      this.virtioConsole = new VirtioConsole({ onTransmit: onConsole });
    this.nics = (options.nics ?? []).map((nic, i) => new VirtioNet({ ...nic, name: `net${i}` }));
    const behind = [...this.#virtioDevices(), ...this.nics];
    this.virtioSlots = behind.length;
    for (const [slot, device] of behind.entries()) {
      const mmio = new VirtioMmio({
        device,
        memory: options.memory,
        irq: plic.line(VIRTIO_IRQ + slot),
      });
      this.#virtio.push(mmio);
      this.bus.map(VIRTIO_BASE + slot * VIRTIO_STRIDE, mmio);
      this.#saved.push({
        name: `virtio${slot}`,
        save: () => mmio.save(),
        restore: (state) => mmio.restore(state),
      });
    }
  }

  #map(base: number, device: Parameters<MmioBus["map"]>[1] & Saved): void {
    this.bus.map(base, device);
    this.#saved.push(device);
  }

  #mapAclint(): Aclint {
    const { clock, vcpus } = this.#options;
    const aclint = new Aclint({
      hartCount: vcpus.length,
      clock,
      onSoftware: (hart, level) => vcpus[hart]?.setLines(IRQ_MSI, level),
      onTimer: (hart, deadlineTicks) => {
        const vcpu = vcpus[hart];
        if (vcpu) vcpu.machineTimerTicks = deadlineTicks;
      },
    });
    this.#map(ACLINT_BASE, aclint);
    return aclint;
  }

  #virtioDevices(): VirtioDevice[] {
    const { disks, isBare, random } = this.#options;
    const all: VirtioDevice[] = disks.map(
      (backend, i) => new VirtioBlk({ backend, name: `disk${i}` }),
    );
    if (this.virtioConsole) all.push(this.virtioConsole);
    if (!isBare) all.push(new VirtioRng({ random: entropyOf(random) }));
    return all;
  }

  /** Console input would reach the guest; while it starts it may get lost. */
  get isListening(): boolean {
    return this.virtioConsole !== undefined || this.uart.isListening;
  }

  /** Console input. Returns how many bytes were taken. */
  receive(bytes: Uint8Array): number {
    return (this.virtioConsole ?? this.uart).receive(bytes);
  }

  /** Pages of the guest's RAM have arrived: devices that lacked some look again. */
  retry(): void {
    for (const device of this.#virtio) device.retry();
  }

  save(): BoardState {
    return { devices: Object.fromEntries(this.#saved.map((d) => [d.name, d.save()])) };
  }

  restore(state: BoardState): void {
    const fields = new StateFields("board", state).object("devices");
    for (const device of this.#saved) {
      const saved = fields.raw(device.name);
      if (typeof saved !== "object" || saved === null)
        throw badState(`board.devices.${device.name}`, "the state of a device", saved);
      device.restore(saved as never);
    }
  }
}

/** `random` as the entropy device wants it. */
function entropyOf(random: Random): RandomSource {
  return {
    fill: (into) => void random.bytes(into),
    save: () => random.save(),
    restore: (words) => random.restore(words),
  };
}
