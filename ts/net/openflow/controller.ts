/** The other end of OpenFlow: whoever makes the rules of switches that call it, or that it calls. */
import { WasmvisorError } from "../../base/errors.ts";
import { type Action, PORT_CONTROLLER } from "../flow/actions.ts";
import type { PortChange } from "../switch.ts";
import { readMatch, writeActions } from "./codec.ts";
import * as of from "./constants.ts";
import { DEFAULT_FLOW_MOD, encodeFlowMod, type FlowMod } from "./flow-mod.ts";
import type { OpenFlowLine, OpenFlowPeer, OpenFlowSide } from "./line.ts";
import { hello, message, OpenFlowError, readHeader, WireReader, type WireWriter } from "./wire.ts";

const PORTS_MAX = 4096;
const BARRIERS_MAX = 1024;

export interface DatapathPort {
  readonly number: number;
  readonly name: string;
}

/** A frame that a switch sends its controller. */
export interface ReportedFrame {
  readonly bytes: Uint8Array;
  readonly inPort: number;
  readonly reason: "no-match" | "action" | "other";
  readonly table: number;
  readonly cookie: bigint;
}

/** What a controller does with its switches. */
export interface ControllerApp {
  /** It is known what the switch is and which ports it has. */
  joined(datapath: Datapath): void;
  left(datapath: Datapath): void;
  frameIn(datapath: Datapath, frame: ReportedFrame): void;
  portChanged(datapath: Datapath, port: DatapathPort, change: PortChange): void;
}

/** What was said to a switch so far. */
export interface DatapathMetrics {
  readonly flowMods: number;
  readonly framesOut: number;
  readonly framesIn: number;
  /** What it did not like. */
  readonly errors: number;
}

/** A switch that is connected. */
export class Datapath implements OpenFlowPeer {
  readonly ports = new Map<number, DatapathPort>();
  readonly #app: ControllerApp;
  readonly #line: OpenFlowLine;
  readonly #barriers = new Map<number, () => void>();
  readonly #counts = { flowMods: 0, framesOut: 0, framesIn: 0, errors: 0 };
  #id: bigint | undefined;
  #hasPorts = false;
  #lastXid = 0;
  #isKnown = false;

  constructor(app: ControllerApp, line: OpenFlowLine) {
    this.#app = app;
    this.#line = line;
    line.send(hello());
  }

  /** Its number; 0 until it has told. */
  get id(): bigint {
    return this.#id ?? 0n;
  }
  get isKnown(): boolean {
    return this.#isKnown;
  }

  metrics(): DatapathMetrics {
    return { ...this.#counts };
  }

  /** Adds a rule, or what `command` says. */
  flowMod(mod: Partial<FlowMod>): void {
    this.#counts.flowMods++;
    this.#line.send(encodeFlowMod(this.#xid(), { ...DEFAULT_FLOW_MOD, ...mod }));
  }

  /** Sends a frame as if it had come in through `inPort`. */
  frameOut(bytes: Uint8Array, actions: readonly Action[], inPort = PORT_CONTROLLER): void {
    this.#counts.framesOut++;
    this.#send(of.PACKET_OUT, (writer) => {
      writer.u32(of.NO_BUFFER).u32(inPort).u16(0).pad(6);
      const from = writer.length;
      writeActions(writer, actions);
      writer.setU16(from - 8, writer.length - from).bytes(bytes);
    });
  }

  /** Settles when all that was said so far has been done. Rejects with `WV_LIMIT`. */
  barrier(): Promise<void> {
    if (this.#barriers.size >= BARRIERS_MAX)
      return Promise.reject(new WasmvisorError("WV_LIMIT", "openflow: the switch does not answer"));
    return new Promise((resolve) => {
      const xid = this.#xid();
      this.#barriers.set(xid, resolve);
      this.#line.send(message(of.BARRIER_REQUEST, xid));
    });
  }

  ping(): void {
    this.#send(of.ECHO_REQUEST);
  }

  #xid(): number {
    this.#lastXid = (this.#lastXid + 1) >>> 0;
    return this.#lastXid;
  }

  #send(type: number, write?: (writer: WireWriter) => void): void {
    this.#line.send(message(type, this.#xid(), write));
  }

  /** Throws `OpenFlowError` for what no switch says. */
  receive(bytes: Uint8Array): void {
    const reader = new WireReader(bytes);
    const { type, version, xid } = readHeader(reader);
    if (version !== of.VERSION && type !== of.HELLO && type !== of.ERROR)
      throw new OpenFlowError(of.BAD_VERSION, `version ${version}`);
    switch (type) {
      case of.HELLO:
        this.#greet(version);
        break;
      case of.ERROR:
        this.#counts.errors++;
        break;
      case of.ECHO_REQUEST:
        this.#line.send(
          message(of.ECHO_REPLY, xid, (writer) => writer.bytes(reader.bytes(reader.left))),
        );
        break;
      case of.FEATURES_REPLY:
        this.#id = reader.u64();
        this.#join();
        break;
      case of.MULTIPART_REPLY:
        this.#readPorts(reader);
        break;
      case of.PACKET_IN:
        this.#frameIn(reader);
        break;
      case of.PORT_STATUS:
        this.#portChanged(reader);
        break;
      case of.BARRIER_REPLY:
        this.#barriers.get(xid)?.();
        this.#barriers.delete(xid);
        break;
      default: // What was not asked for is nobody's business.
    }
  }

  #greet(version: number): void {
    if (version < of.VERSION)
      throw new OpenFlowError(of.HELLO_INCOMPATIBLE, "the switch does not speak version 1.3");
    this.#send(of.FEATURES_REQUEST);
    this.#send(of.SET_CONFIG, (writer) => writer.u16(0).u16(0xffff));
    this.#send(of.MULTIPART_REQUEST, (writer) => writer.u16(of.MULTIPART_PORT_DESC).pad(6));
  }

  #readPorts(reader: WireReader): void {
    const [type, flags] = [reader.u16(), reader.u16()];
    reader.skip(4);
    if (type !== of.MULTIPART_PORT_DESC) return;
    while (reader.left > 0) {
      const port = readPort(reader.part(64));
      if (this.ports.size < PORTS_MAX) this.ports.set(port.number, port);
    }
    if ((flags & of.MULTIPART_MORE) !== 0) return;
    this.#hasPorts = true;
    this.#join();
  }

  #join(): void {
    if (this.#isKnown || this.#id === undefined || !this.#hasPorts) return;
    this.#isKnown = true;
    this.#app.joined(this);
  }

  #frameIn(reader: WireReader): void {
    reader.skip(6); // Buffer, length of the frame.
    const [reason, table, cookie] = [reader.u8(), reader.u8(), reader.u64()];
    const inPort = readMatch(reader).find(({ field }) => field.name === "in_port")?.value;
    reader.skip(2);
    const bytes = reader.bytes(reader.left);
    if (!this.#isKnown || inPort === undefined || bytes.length < 14) return;
    this.#counts.framesIn++;
    const why = (["no-match", "action"] as const)[reason] ?? "other";
    this.#app.frameIn(this, { bytes, inPort: Number(inPort), reason: why, table, cookie });
  }

  #portChanged(reader: WireReader): void {
    const change = (["added", "removed", "changed"] as const)[reader.u8()] ?? "changed";
    reader.skip(7);
    const port = readPort(reader.part(64));
    if (change === "removed") this.ports.delete(port.number);
    else if (this.ports.size < PORTS_MAX) this.ports.set(port.number, port);
    if (this.#isKnown) this.#app.portChanged(this, port, change);
  }

  /** @internal The line is gone. */
  end(): void {
    for (const settle of this.#barriers.values()) settle();
    this.#barriers.clear();
    if (this.#isKnown) this.#app.left(this);
  }
}

function readPort(reader: WireReader): DatapathPort {
  const number = reader.u32();
  reader.skip(12);
  const name = reader.bytes(16);
  const end = name.indexOf(0);
  return { number, name: new TextDecoder().decode(name.subarray(0, end < 0 ? 16 : end)) };
}

/** What sockets do with switches for `app`. */
export function controllerSide(app: ControllerApp): OpenFlowSide {
  return {
    open: (line) => new Datapath(app, line),
    closed: (peer) => (peer as Datapath).end(),
  };
}
