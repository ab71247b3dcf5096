/** A network card of a vm on its host: between the device and the cable, which is cut while the guest rests. */
import type { Clock } from "../../base/clock.ts";
import type { Frame, NicPort, NicReceiver } from "../../machine/nic.ts";
import { gratuitousArp, rarpAnnouncement } from "../../net/arp.ts";
import { formatIp } from "../../net/ipv4.ts";
import { getMac, macBytes, parseMac } from "../../net/mac.ts";
import type { Listening } from "../../net/user/outside.ts";
import type { Vm } from "../../vmm/vm.ts";
import { HeldFrames } from "./held-frames.ts";
import type { Plug } from "./host-networks.ts";
import { describeLine } from "./line.ts";
import type { NicConfig } from "./nic-config.ts";

/** When a host says again where its guest is: five times in all, as QEMU does. */
const ANNOUNCE_AGAIN_NS = [50e6, 150e6, 250e6, 350e6];

/** What `info()` tells of a card. */
export interface NicInfo {
  readonly network: string;
  readonly mac: string;
  readonly mtu: number;
  readonly isLinkUp: boolean;
  /** How its line is worse than it might be, each way: `1% lost, 20ms late`. */
  readonly line?: string | undefined;
  /** IPv4 addresses that the guest uses, as far as it has said so. */
  readonly addresses: readonly string[];
  /** `tcp 127.0.0.1:2222 -> 22`, and what became of it if it could not be opened. */
  readonly forwards: readonly string[];
  readonly sentFrames: number;
  readonly sentBytes: number;
  readonly receivedFrames: number;
  readonly receivedBytes: number;
  readonly refusedFrames: number;
  readonly droppedFrames: number;
  /** Frames that came while the guest rested, and were lost to it: too many, too old, or it had never run here. */
  readonly missedFrames: number;
}

/** Hears what passes a card; `gone` is called when there is no card any more. */
interface Tap {
  readonly hear: (frame: Frame) => void;
  readonly gone: () => void;
}

export class VmNic implements NicPort {
  readonly mac: Uint8Array;
  readonly mtu: number;
  readonly #config: NicConfig;
  readonly #plug: Plug | undefined;
  readonly #index: number;
  readonly #clock: Clock;
  readonly #listening = new Map<number, Listening | Error>();
  #device: NicReceiver | undefined;
  #vm: Vm | undefined;
  #wake: () => void = () => undefined;
  #isOpen = false;
  #missedFrames = 0;
  /** What comes while a guest rests that ran here; undefined: it runs, never did, or is known to be elsewhere. */
  #held: HeldFrames | undefined;
  readonly #taps = new Set<Tap>();
  #announcement = new AbortController();

  constructor(parts: {
    readonly config: NicConfig;
    readonly index: number;
    readonly plug: Plug | undefined;
    readonly clock: Clock;
  }) {
    this.#config = parts.config;
    this.#index = parts.index;
    this.#plug = parts.plug;
    this.#clock = parts.clock;
    this.mac = macBytes(parseMac(parts.config.mac));
    this.mtu = parts.config.mtu;
    parts.plug?.port.connect({
      receive: (frame) => this.#arrive(frame),
      flush: () => this.#settle(),
    });
  }

  /** The machine that the card is in; `wake` lets it see what came. */
  install(vm: Vm, wake: () => void): void {
    this.#vm = vm;
    this.#wake = wake;
  }

  connect(receiver: NicReceiver): void {
    this.#device = receiver;
  }
  send(frame: Frame): void {
    for (const { hear } of this.#taps) hear(frame);
    this.#plug?.port.send(frame);
  }
  flush(): void {
    this.#plug?.port.flush();
  }

  #arrive(frame: Frame): void {
    for (const { hear } of this.#taps) hear(frame);
    if (this.#isOpen) this.#vm?.perform(() => this.#device?.receive(frame));
    else if (this.#held && getMac(frame.bytes, 6) === parseMac(this.#config.mac)) this.#sendOn();
    else if (!this.#held?.push(frame, this.#clock.nowNs())) this.#missedFrames++;
  }

  /** The guest is elsewhere: another host says so in its name, or it has moved. What came for it goes there. */
  #sendOn(): void {
    const waiting = this.#nic?.takeWaiting() ?? [];
    this.#plug?.sendOn([...waiting, ...this.#takeHeld()]);
  }

  #takeHeld(): readonly Frame[] {
    const held = this.#held?.take(this.#clock.nowNs());
    this.#held = undefined;
    this.#missedFrames += held?.old ?? 0;
    return held?.frames ?? [];
  }

  /** What passes from now on is told. The result ends that. */
  tap(hear: Tap["hear"], gone: Tap["gone"]): () => void {
    const tap = { hear, gone };
    this.#taps.add(tap);
    return () => void this.#taps.delete(tap);
  }

  #settle(): void {
    if (!this.#isOpen) return;
    this.#vm?.perform(() => this.#device?.flush());
    this.#wake();
  }

  /** The guest runs from now on. Unless it is new, others may look for it elsewhere: they are told. */
  open(isNew: boolean): void {
    this.#isOpen = true;
    this.#nic?.setLink(this.#plug !== undefined);
    this.#plug?.arrived(this.#nic?.addresses ?? [], isNew);
    if (isNew) return;
    this.#announce();
    for (const frame of this.#takeHeld()) this.#vm?.perform(() => this.#device?.receive(frame));
    this.#settle();
    void this.forward(false);
  }

  /** The guest `rests`: what comes waits for it. Or it has ended, and wants nothing any more. */
  close(why: "rests" | "ended"): void {
    if (this.#isOpen) this.#plug?.rests();
    if (why === "ended") this.#held = undefined;
    else if (this.#isOpen) this.#held = new HeldFrames();
    this.#isOpen = false;
    this.#announcement.abort();
  }

  get #nic() {
    return this.#vm?.board.nics[this.#index];
  }

  /** Opens its ports of the host. What cannot be opened is told by `info`, or thrown (`WV_NETWORK`) if `isStrict`. */
  async forward(isStrict: boolean): Promise<void> {
    for (const [i, forward] of this.#config.forwards.entries()) {
      const user = this.#plug?.user;
      if (!user || this.#isListening(i)) continue;
      try {
        this.#listening.set(i, await user.forwards.add(forward, () => this.#address()));
      } catch (error) {
        if (isStrict) throw error;
        this.#listening.set(i, error as Error);
      }
    }
  }

  #isListening(index: number): boolean {
    const listening = this.#listening.get(index);
    return listening !== undefined && !(listening instanceof Error);
  }

  #address(): number | undefined {
    const dhcp = this.#plug?.user?.dhcp;
    return this.#nic?.addresses.at(-1) ?? dhcp?.addressOf(parseMac(this.#config.mac));
  }

  /** Says where the guest is now, so that switches learn it (RFC 5227 for the addresses that are known). */
  #announce(): void {
    this.#announcement.abort();
    this.#announcement = new AbortController();
    const { signal } = this.#announcement;
    const own = this.#nic?.addresses.at(-1);
    this.#plug?.user?.dhcp.reserve(parseMac(this.#config.mac), own);
    void this.#announceAll(signal);
  }

  async #announceAll(signal: AbortSignal): Promise<void> {
    this.#sendAnnouncements();
    for (const ns of ANNOUNCE_AGAIN_NS) {
      try {
        await this.#clock.sleep(ns, signal);
      } catch {
        return;
      }
      if (!signal.aborted) this.#sendAnnouncements();
    }
  }

  #sendAnnouncements(): void {
    const mac = parseMac(this.#config.mac);
    this.send({ bytes: rarpAnnouncement(mac) });
    for (const ip of this.#nic?.addresses ?? []) this.send({ bytes: gratuitousArp(mac, ip) });
    this.flush();
  }

  /** The card is gone for good. */
  unplug(why: "moved" | "ended" = "ended"): void {
    this.close(why === "moved" ? "rests" : "ended");
    for (const listening of this.#listening.values())
      if (!(listening instanceof Error)) listening.close();
    for (const { gone } of this.#taps) gone();
    this.#plug?.unplug(why);
    if (why === "moved" && this.#held) this.#sendOn();
  }

  info(): NicInfo {
    const { kind, line, mac, mtu, vlan } = this.#config;
    const nic = this.#nic;
    const name = kind === "switch" ? `switch ${this.#config.switch}` : kind;
    const metrics = nic?.metrics();
    return {
      network: vlan === 1 ? name : `${name}, ${vlan === 0 ? "trunk" : `VLAN ${vlan}`}`,
      mac,
      mtu,
      isLinkUp: this.#plug !== undefined && nic?.isLinkUp === true,
      ...(line ? { line: describeLine(line) } : {}),
      addresses: (nic?.addresses ?? []).map(formatIp),
      forwards: this.#config.forwards.map((forward, i) => this.#describe(forward, i)),
      sentFrames: metrics?.sentFrames ?? 0,
      sentBytes: metrics?.sentBytes ?? 0,
      receivedFrames: metrics?.receivedFrames ?? 0,
      receivedBytes: metrics?.receivedBytes ?? 0,
      refusedFrames: metrics?.refusedFrames ?? 0,
      droppedFrames: metrics?.droppedFrames ?? 0,
      missedFrames: this.#missedFrames,
    };
  }

  #describe(forward: NicConfig["forwards"][number], index: number): string {
    const listening = this.#listening.get(index);
    const isOpen = listening !== undefined && !(listening instanceof Error);
    const port = isOpen ? listening.port : forward.hostPort;
    const why = listening instanceof Error ? ` (${listening.message})` : isOpen ? "" : " (closed)";
    return `${forward.protocol} ${forward.hostAddress}:${port} -> ${forward.guestPort}${why}`;
  }
}
