/**
 * A learning Ethernet switch with VLANs (IEEE 802.1Q without spanning tree: its ports lead to stations, or to the
 * switch of another host over a link that carries nothing back that came from there). It runs anywhere: time and
 * chance are the caller's.
 */
import type { Clock } from "../base/clock.ts";
import { WasmvisorError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import type { Frame } from "../machine/nic.ts";
import { ImpairedLine, type Impairment } from "./impairment.ts";
import { getMac, isGroup } from "./mac.ts";
import { MacTable, type MacTableOptions } from "./mac-table.ts";
import { SwitchPort } from "./switch-port.ts";
import {
  carries,
  DEFAULT_VLAN,
  egress,
  ingress,
  isVlan,
  type PortVlans,
  type VlanFrame,
} from "./vlan.ts";

const PORTS_MAX = 256;
/** 01:80:c2:00:00:00 to 0f: for the next bridge alone, which has nothing to say. */
const RESERVED_MAC = 0x0180_c200_0000;
const RESERVED_MACS = 16;
/** Frames to all that a port may send in a second, and at once. */
const STORM_FRAMES_PER_SEC = 10_000;

export interface SwitchOptions extends MacTableOptions {
  readonly clock: Clock;
  /** For lines that lose frames. */
  readonly random: Random;
  /** Frames to all (and to stations that nobody knows) of one port in a second; 10,000 by default. */
  readonly stormFramesPerSec?: number | undefined;
}

export interface PortOptions {
  readonly name: string;
  /** Default: access to VLAN 1. */
  readonly vlans?: PortVlans | undefined;
  /** The only address that may send here. Default: any. */
  readonly mac?: number | undefined;
  /** A worse line towards whoever is at this port. */
  readonly impairment?: Impairment | undefined;
}

/** Hears each frame that comes in or leaves, as it is on the line. */
export type Tap = (
  frame: Frame,
  at: { readonly port: string; readonly direction: "in" | "out"; readonly nowNs: number },
) => void;

export interface SwitchMetrics {
  readonly knownMacs: number;
  readonly floodedFrames: number;
  /** Addresses that there was no room to learn. */
  readonly unlearnedMacs: number;
}

interface Bucket {
  frames: number;
  sinceNs: number;
}

export class Switch {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #stormFramesPerSec: number;
  readonly #macs: MacTable<SwitchPort>;
  readonly #ports = new Map<string, SwitchPort>();
  readonly #buckets = new Map<SwitchPort, Bucket>();
  readonly #mirrors = new Map<SwitchPort, string | undefined>();
  readonly #taps = new Map<Tap, string | undefined>();
  readonly #counts = { floodedFrames: 0, unlearnedMacs: 0 };
  #isSettling = false;

  constructor(options: SwitchOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#stormFramesPerSec = options.stormFramesPerSec ?? STORM_FRAMES_PER_SEC;
    this.#macs = new MacTable(options);
  }

  get ports(): readonly SwitchPort[] {
    return [...this.#ports.values()];
  }

  /** Adds a port. Throws `WV_CONFIG` for a name that is taken or a VLAN that cannot be, `WV_LIMIT`. */
  addPort(options: PortOptions): SwitchPort {
    const { impairment, mac, name, vlans = { mode: "access", vlan: DEFAULT_VLAN } } = options;
    if (this.#ports.has(name))
      throw new WasmvisorError("WV_CONFIG", `switch: a port called "${name}" exists already`);
    if (this.#ports.size >= PORTS_MAX)
      throw new WasmvisorError("WV_LIMIT", `switch: it has ${PORTS_MAX} ports, and all are used`);
    checkVlans(vlans);
    const port = new SwitchPort(this, { name, vlans, mac });
    if (impairment) this.impair(port, impairment);
    this.#ports.set(name, port);
    return port;
  }

  /** Takes a port away; what it learned is forgotten. */
  removePort(port: SwitchPort): void {
    if (this.#ports.get(port.name) !== port) return;
    this.#ports.delete(port.name);
    this.#mirrors.delete(port);
    this.#buckets.delete(port);
    this.#macs.drop(port);
  }

  /** Makes the line towards a port worse; `{}` makes it good again. */
  impair(port: SwitchPort, impairment: Impairment): void {
    const isGood = Object.values(impairment).every((value) => value === undefined);
    port.setLine(
      isGood
        ? undefined
        : new ImpairedLine(impairment, {
            clock: this.#clock,
            random: this.#random.split(port.name),
            deliver: (frames) => {
              for (const frame of frames) port.arrive(frame);
              this.flush();
            },
          }),
    );
  }

  /** A copy of all that passes `of` (any port without it) leaves through `port`, and nothing else does. */
  mirror(port: SwitchPort, of?: SwitchPort): void {
    this.#mirrors.set(port, of?.name);
  }

  /** `tap` hears all that passes `of`, or any port. The result ends that. */
  tap(tap: Tap, of?: SwitchPort): () => void {
    this.#taps.set(tap, of?.name);
    return () => void this.#taps.delete(tap);
  }

  metrics(): SwitchMetrics {
    return { knownMacs: this.#macs.size, ...this.#counts };
  }

  /** @internal A frame has come in. */
  forward(frame: Frame, from: SwitchPort): void {
    const inside = ingress(frame, from.vlans);
    const target = getMac(frame.bytes, 0);
    const source = getMac(frame.bytes, 6);
    if (!inside || this.#mirrors.has(from) || !mayPass(target, source, from)) {
      from.counts.refusedFrames++;
      return;
    }
    this.#show(frame, from, "in");
    const nowNs = this.#clock.nowNs();
    const { vlan } = inside;
    if (!this.#macs.learn(vlan, source, { port: from, nowNs })) this.#counts.unlearnedMacs++;
    const to = isGroup(target) ? undefined : this.#macs.find(vlan, target, nowNs);
    if (to === undefined) this.#flood(inside, from, nowNs);
    else if (to !== from) this.#emit(inside, to);
  }

  /** @internal What came in so far was all for now. Whoever answers at once is heard, too. */
  flush(): void {
    if (this.#isSettling) return;
    this.#isSettling = true;
    try {
      for (let rounds = 0, isNew = true; isNew && rounds < PORTS_MAX; rounds++) {
        isNew = false;
        for (const port of this.#ports.values()) if (port.settle()) isNew = true;
      }
    } finally {
      this.#isSettling = false;
    }
  }

  #flood(inside: VlanFrame, from: SwitchPort, nowNs: number): void {
    if (!this.#mayFlood(from, nowNs)) {
      from.counts.stormFrames++;
      return;
    }
    this.#counts.floodedFrames++;
    for (const port of this.#ports.values())
      if (port !== from && !this.#mirrors.has(port) && carries(port.vlans, inside.vlan))
        this.#emit(inside, port);
  }

  #emit(inside: VlanFrame, to: SwitchPort): void {
    const frame = egress(inside, to.vlans);
    this.#show(frame, to, "out");
    to.emit(frame);
  }

  /** A bucket that fills at the rate of the limit, and holds a second's worth. */
  #mayFlood(from: SwitchPort, nowNs: number): boolean {
    const limit = this.#stormFramesPerSec;
    const bucket = this.#buckets.get(from) ?? { frames: limit, sinceNs: nowNs };
    bucket.frames = Math.min(limit, bucket.frames + ((nowNs - bucket.sinceNs) * limit) / 1e9);
    bucket.sinceNs = nowNs;
    this.#buckets.set(from, bucket);
    if (bucket.frames < 1) return false;
    bucket.frames--;
    return true;
  }

  /** To taps and mirrors of that port. */
  #show(frame: Frame, port: SwitchPort, direction: "in" | "out"): void {
    for (const [mirror, of] of this.#mirrors)
      if (of === port.name || (of === undefined && direction === "in")) mirror.emit(frame);
    if (this.#taps.size === 0) return;
    const at = { port: port.name, direction, nowNs: this.#clock.nowNs() };
    for (const [tap, of] of this.#taps) if (of === undefined || of === port.name) tap(frame, at);
  }
}

function mayPass(target: number, source: number, from: SwitchPort): boolean {
  if (target >= RESERVED_MAC && target < RESERVED_MAC + RESERVED_MACS) return false;
  if (source === 0 || isGroup(source)) return false;
  return from.mac === undefined || from.mac === source;
}

function checkVlans(vlans: PortVlans): void {
  const named =
    vlans.mode === "access"
      ? [vlans.vlan]
      : [...(vlans.native === undefined ? [] : [vlans.native]), ...(vlans.allowed ?? [])];
  const wrong = named.find((vlan) => !isVlan(vlan));
  if (wrong !== undefined)
    throw new WasmvisorError("WV_CONFIG", `vlan: expected 1 to 4094, got ${wrong}`);
}
