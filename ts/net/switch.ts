/**
 * A learning Ethernet switch with VLANs (IEEE 802.1Q without spanning tree: its ports lead to stations, or to the
 * switch of another host over a link that carries nothing back that came from there). It runs anywhere: time and
 * chance are the caller's.
 */
import type { Clock } from "../base/clock.ts";
import { WasmvisorError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import type { Frame } from "../machine/nic.ts";
import { tagOf } from "./ethernet.ts";
import {
  PORT_ALL,
  PORT_FLOOD,
  PORT_IN,
  PORT_LOCAL,
  PORT_NORMAL,
  PORT_TABLE,
} from "./flow/actions.ts";
import { FlowPipeline } from "./flow/pipeline.ts";
import { ImpairedLine, type Impairment } from "./impairment.ts";
import { LoopGuard } from "./loop-guard.ts";
import { getMac, isGroup } from "./mac.ts";
import { MacTable, type MacTableOptions } from "./mac-table.ts";
import {
  PORT_CONFIG_DOWN,
  PORT_CONFIG_NO_FORWARD,
  PORT_CONFIG_NO_RECEIVE,
  SwitchPort,
} from "./switch-port.ts";
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
/** A frame that makes another one come in at once, and so on: cables that lead back here. */
const DEPTH_MAX = 16;
/** A port that nobody has: where frames of a controller come from. */
const ANY_VLAN: PortVlans = { mode: "trunk", native: DEFAULT_VLAN };

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
  /** `local`: the host's own way in, which flow rules call LOCAL. One at most. */
  readonly role?: "local" | undefined;
}

/** What becomes of a port. */
export type PortChange = "added" | "removed" | "changed";
export type PortListener = (port: SwitchPort, change: PortChange) => void;

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
  /** How often a port was shut because stations seemed to go round. */
  readonly loops: number;
  /** Ports that are shut now. */
  readonly shutPorts: readonly string[];
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
  readonly #counts = { floodedFrames: 0, unlearnedMacs: 0, loops: 0 };
  readonly #guard: LoopGuard<SwitchPort>;
  readonly #byNumber = new Map<number, SwitchPort>();
  readonly #listeners = new Set<PortListener>();
  #flows: FlowPipeline | undefined;
  #lastNumber = 0;
  #depth = 0;
  #ingress: SwitchPort | undefined;
  #isSettling = false;

  constructor(options: SwitchOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#stormFramesPerSec = options.stormFramesPerSec ?? STORM_FRAMES_PER_SEC;
    this.#macs = new MacTable(options);
    this.#guard = new LoopGuard(options.random.split("loops"));
  }

  /** Its flow tables, from now on: what they say is done with each frame, and nothing else. */
  flows(): FlowPipeline {
    this.#flows ??= new FlowPipeline({
      clock: this.#clock,
      output: { emit: (frame, port, inPort) => this.#output(frame, port, inPort) },
    });
    return this.#flows;
  }

  /** `listener` hears of ports that come, go and change. The result ends that. */
  watchPorts(listener: PortListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  get ports(): readonly SwitchPort[] {
    return [...this.#ports.values()];
  }

  /** Adds a port. Throws `WV_CONFIG` for a name that is taken or a VLAN that cannot be, `WV_LIMIT`. */
  addPort(options: PortOptions): SwitchPort {
    const { impairment, mac, name, role, vlans = { mode: "access", vlan: DEFAULT_VLAN } } = options;
    if (this.#ports.has(name))
      throw new WasmvisorError("WV_CONFIG", `switch: a port called "${name}" exists already`);
    if (this.#ports.size >= PORTS_MAX)
      throw new WasmvisorError("WV_LIMIT", `switch: it has ${PORTS_MAX} ports, and all are used`);
    checkVlans(vlans);
    const isLocal = role === "local" && !this.#byNumber.has(PORT_LOCAL);
    const number = isLocal ? PORT_LOCAL : ++this.#lastNumber;
    const port = new SwitchPort(this, { name, number, vlans, mac });
    if (impairment) this.impair(port, impairment);
    this.#ports.set(name, port);
    this.#byNumber.set(number, port);
    this.#tell(port, "added");
    return port;
  }

  /** Where the frame came in that somebody hears just now, whatever it says of its sender. */
  get ingress(): SwitchPort | undefined {
    return this.#ingress;
  }

  /** The port that flow rules call `number`. */
  portOf(number: number): SwitchPort | undefined {
    return this.#byNumber.get(number);
  }

  /** Is it shut because of a loop? */
  isShut(port: SwitchPort): boolean {
    return this.#guard.isShut(port, this.#clock.nowNs());
  }

  /** Sets bits of `PORT_CONFIG_...`. */
  configure(port: SwitchPort, config: number): void {
    if (port.config === config) return;
    port.config = config;
    this.#tell(port, "changed");
  }

  /** Takes a port away; what it learned is forgotten. */
  removePort(port: SwitchPort): void {
    if (this.#ports.get(port.name) !== port) return;
    this.#ports.delete(port.name);
    this.#byNumber.delete(port.number);
    this.#mirrors.delete(port);
    this.#buckets.delete(port);
    this.#guard.drop(port);
    this.#macs.drop(port);
    this.#tell(port, "removed");
  }

  /** Makes the line towards a port worse, or that from it (`in`); `{}` makes it good again. */
  impair(port: SwitchPort, impairment: Impairment, direction: "in" | "out" = "out"): void {
    const isGood = Object.values(impairment).every((value) => value === undefined);
    const isOut = direction === "out";
    const line = new ImpairedLine(impairment, {
      clock: this.#clock,
      random: this.#random.split(isOut ? port.name : `${port.name}, in`),
      deliver: (frames) => {
        // What was under way to or from a port that is gone is lost with it.
        if (this.#ports.get(port.name) !== port) return;
        for (const frame of frames) isOut ? port.arrive(frame) : this.forward(frame, port);
        this.flush();
      },
    });
    if (isOut) port.setLine(isGood ? undefined : line);
    else port.setInLine(isGood ? undefined : line);
  }

  /** A copy of all that passes `of` (any port without it) leaves through `port`, and nothing else does. */
  mirror(port: SwitchPort, of?: SwitchPort): void {
    this.#mirrors.set(port, of?.name);
  }

  /** From now on `port` is one as any other. */
  unmirror(port: SwitchPort): void {
    this.#mirrors.delete(port);
  }

  /** `tap` hears all that passes `of`, or any port. The result ends that. */
  tap(tap: Tap, of?: SwitchPort): () => void {
    this.#taps.set(tap, of?.name);
    return () => void this.#taps.delete(tap);
  }

  metrics(): SwitchMetrics {
    const shut = this.ports.filter((port) => this.isShut(port)).map((port) => port.name);
    return { knownMacs: this.#macs.size, ...this.#counts, shutPorts: shut };
  }

  /** @internal A frame has come in. */
  forward(frame: Frame, from: SwitchPort): void {
    const inside = ingress(frame, from.vlans);
    const target = getMac(frame.bytes, 0);
    const source = getMac(frame.bytes, 6);
    const nowNs = this.#clock.nowNs();
    const isRefused =
      !inside ||
      (from.config & (PORT_CONFIG_DOWN | PORT_CONFIG_NO_RECEIVE)) !== 0 ||
      this.#mirrors.has(from) ||
      !mayPass(target, source, from) ||
      this.#guard.isShut(from, nowNs) ||
      this.#depth >= DEPTH_MAX;
    if (isRefused) {
      from.counts.refusedFrames++;
      return;
    }
    this.#show(frame, from, "in");
    const before = this.#ingress;
    this.#ingress = from;
    this.#depth++;
    try {
      if (this.#flows) this.#flows.process(frame, from.number, nowNs);
      else this.#learnAndSend(inside, from, nowNs);
    } finally {
      this.#depth--;
      this.#ingress = before;
    }
  }

  /** What a switch without flow tables does. */
  #learnAndSend(inside: VlanFrame, from: SwitchPort, nowNs: number): void {
    const { bytes } = inside.frame;
    const { vlan } = inside;
    const learned = this.#macs.learn(vlan, getMac(bytes, 6), { port: from, nowNs });
    if (learned === "full") this.#counts.unlearnedMacs++;
    else if (learned === "flapped" && from.mac === undefined) {
      if (this.#guard.flapped(from, nowNs)) {
        this.#counts.loops++;
        this.#macs.drop(from);
        this.#tell(from, "changed");
        return;
      }
    }
    const target = getMac(bytes, 0);
    const to = isGroup(target) ? undefined : this.#macs.find(vlan, target, nowNs);
    if (to === undefined) this.#flood(inside, from, nowNs);
    else if (to !== from) this.#emit(inside, to, nowNs);
  }

  /** What flow rules say: through a port as it is, or one of the ways that have no port. */
  #output(frame: Frame, number: number, inPort: number): void {
    const from = this.#byNumber.get(inPort);
    if (number === PORT_NORMAL || number === PORT_FLOOD) {
      const inside = ingress(frame, from?.vlans ?? ANY_VLAN);
      if (!inside) return;
      const nowNs = this.#clock.nowNs();
      if (number === PORT_FLOOD || !from) this.#flood(inside, from, nowNs);
      else this.#learnAndSend(inside, from, nowNs);
    } else if (number === PORT_ALL) this.#sendToAll(frame, from, this.#clock.nowNs());
    else if (number === PORT_TABLE) this.#flows?.process(frame, inPort);
    else {
      const to = this.#byNumber.get(number === PORT_IN ? inPort : number);
      if (to && (to !== from || number === PORT_IN)) this.#sendAsRuled(frame, to, from);
    }
  }

  /**
   * A frame that a rule sends to a port belongs to the VLAN that it came in on, whatever the rule thinks of VLANs: it
   * gets or loses its tag on the way, or stays here. One that came in so by no port has been made so: it is sent as it is.
   */
  #sendAsRuled(frame: Frame, to: SwitchPort, from: SwitchPort | undefined): void {
    const isPlain = from?.vlans.mode === "access" && to.vlans.mode === "access";
    if (isPlain && from.vlans.vlan === to.vlans.vlan && tagOf(frame.bytes) === undefined) {
      this.#sendRaw(frame, to); // Most frames, without an object made for them.
      return;
    }
    const inside = from && ingress(frame, from.vlans);
    if (!inside) this.#sendRaw(frame, to);
    else if (carries(to.vlans, inside.vlan)) this.#sendRaw(egress(inside, to.vlans), to);
    else from.counts.refusedFrames++;
  }

  #sendToAll(frame: Frame, from: SwitchPort | undefined, nowNs: number): void {
    if (from && !this.#mayFlood(from, nowNs)) {
      from.counts.stormFrames++;
      return;
    }
    for (const port of this.#ports.values())
      if (port !== from) this.#sendAsRuled(frame, port, from);
  }

  /** With the tags that it has. */
  #sendRaw(frame: Frame, to: SwitchPort): void {
    if ((to.config & (PORT_CONFIG_DOWN | PORT_CONFIG_NO_FORWARD)) !== 0) return;
    if (this.#mirrors.size > 0 && this.#mirrors.has(to)) return;
    this.#show(frame, to, "out");
    to.emit(frame);
  }

  #tell(port: SwitchPort, change: PortChange): void {
    for (const listener of this.#listeners) listener(port, change);
  }

  /**
   * Frames that left through `port` for a station that is elsewhere by now go after it, as if they had just come from
   * their senders' ports. Never back there: the switch behind would take the sender to be here.
   */
  sendOn(frames: readonly Frame[], port: SwitchPort): void {
    const nowNs = this.#clock.nowNs();
    for (const frame of frames) {
      const target = getMac(frame.bytes, 0);
      const inside = isGroup(target) ? undefined : ingress(frame, port.vlans);
      const from = inside && this.#macs.find(inside.vlan, getMac(frame.bytes, 6), nowNs);
      if (!from || from === port || this.#macs.find(inside.vlan, target, nowNs) === port) continue;
      if (this.#flows) this.#flows.process(egress(inside, from.vlans), from.number, nowNs);
      else this.#learnAndSend(inside, from, nowNs);
    }
    this.flush();
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

  #flood(inside: VlanFrame, from: SwitchPort | undefined, nowNs: number): void {
    if (from && !this.#mayFlood(from, nowNs)) {
      from.counts.stormFrames++;
      return;
    }
    this.#counts.floodedFrames++;
    for (const port of this.#ports.values())
      if (port !== from && carries(port.vlans, inside.vlan)) this.#emit(inside, port, nowNs);
  }

  #emit(inside: VlanFrame, to: SwitchPort, nowNs: number): void {
    if (!this.#guard.isShut(to, nowNs)) this.#sendRaw(egress(inside, to.vlans), to);
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
