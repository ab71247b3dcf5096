/** One controller's connection to a switch, seen from the switch: what it may ask, what it is told. */
import { checkActions, PORT_CONTROLLER } from "../flow/actions.ts";
import type { FlowEntry, RemovalReason } from "../flow/flow-entry.ts";
import type { FrameIn } from "../flow/pipeline.ts";
import type { PortChange } from "../switch.ts";
import { PORT_CONFIG_NO_FRAME_IN, type SwitchPort } from "../switch-port.ts";
import { readActions } from "./codec.ts";
import * as of from "./constants.ts";
import {
  answerParts,
  type Described,
  encodeFrameIn,
  encodeRemoved,
  writePort,
} from "./describe.ts";
import { applyFlowMod, errorKind, readFlowMod } from "./flow-mod.ts";
import { type OpenFlowLine, type OpenFlowPeer, WAITING_BYTES_MAX } from "./line.ts";
import {
  type ErrorKind,
  hello,
  message,
  OpenFlowError,
  readHeader,
  WireReader,
  type WireWriter,
} from "./wire.ts";

const ERROR_DATA_BYTES = 64;
const FRAMES_IN_PER_SEC = 2_000;
const MULTIPART_BYTES_MAX = 60_000;
/** Statistics of flows, tables, ports; no groups, queues; no fragments put together. */
const CAPABILITIES = 1 | 2 | 4;
const PORT_CONFIG_BITS = 1 | 4 | 32 | 64;
const PORT_CHANGES: readonly PortChange[] = ["added", "removed", "changed"];
/** Reasons that a secondary and all others hear of: frames, ports, rules. */
const HEARD_BY_SECONDARY = [0, 7, 0];
const HEARD_BY_OTHERS = [3, 7, 15];

/** What sessions of one switch share. */
export interface SessionOwner extends Described {
  readonly datapathId: bigint;
  readonly sessions: ReadonlySet<SwitchSession>;
  /** The newest generation of roles, once there was one. */
  generation: bigint | undefined;
}

export interface SessionMetrics {
  readonly messages: number;
  readonly flowMods: number;
  readonly errors: number;
  readonly framesIn: number;
  /** Frames and notices that were too many. */
  readonly lost: number;
}

export class SwitchSession implements OpenFlowPeer {
  readonly #its: SessionOwner;
  readonly #line: OpenFlowLine;
  readonly #counts = { messages: 0, flowMods: 0, errors: 0, framesIn: 0, lost: 0 };
  readonly #heard: [number[], number[]] = [[...HEARD_BY_OTHERS], [...HEARD_BY_SECONDARY]];
  #isGreeted = false;
  #missBytes = 128;
  #bucket = { frames: FRAMES_IN_PER_SEC, sinceNs: 0 };
  /** @internal Written by the role requests of others, too. */
  role: number = of.ROLE_EQUAL;

  constructor(its: SessionOwner, line: OpenFlowLine) {
    this.#its = its;
    this.#line = line;
    line.send(hello());
  }

  get isGreeted(): boolean {
    return this.#isGreeted;
  }

  metrics(): SessionMetrics {
    return { ...this.#counts };
  }

  /** Says that it is still there. */
  ping(): void {
    this.#line.send(message(of.ECHO_REQUEST, 0));
  }

  /** A whole message has come. */
  receive(bytes: Uint8Array): void {
    const reader = new WireReader(bytes);
    const { type, version, xid } = readHeader(reader);
    this.#counts.messages++;
    try {
      if (type === of.HELLO) this.#greet(version, reader);
      else if (version !== of.VERSION)
        throw new OpenFlowError(of.BAD_VERSION, `version ${version}`);
      else if (this.#isGreeted || type === of.ERROR) this.#handle(type, xid, reader);
      else throw new OpenFlowError(of.BAD_TYPE, "a message before HELLO");
    } catch (error) {
      const kind = errorKind(error);
      if (!kind) throw error;
      this.#refuse(kind, xid, { bytes, error: error as Error });
    }
  }

  #refuse(
    [type, code]: ErrorKind,
    xid: number,
    { bytes, error }: { readonly bytes: Uint8Array; readonly error: Error },
  ): void {
    this.#counts.errors++;
    const isHello = type === of.HELLO_INCOMPATIBLE[0];
    const data = isHello
      ? new TextEncoder().encode(error.message)
      : bytes.subarray(0, ERROR_DATA_BYTES);
    this.#line.send(message(of.ERROR, xid, (writer) => writer.u16(type).u16(code).bytes(data)));
    if (isHello) this.#line.close();
  }

  #greet(version: number, reader: WireReader): void {
    let isKnown = version >= of.VERSION;
    while (reader.left >= 8) {
      const [type, length] = [reader.u16(), reader.u16()];
      if (length < 4) throw new OpenFlowError(of.HELLO_INCOMPATIBLE, "HELLO: an element is cut");
      const its = reader.part(Math.min(length - 4, reader.left));
      reader.skip(Math.min(reader.left, (8 - (length % 8)) % 8));
      if (type === 1 && its.left >= 4) isKnown = (its.u32() & (1 << of.VERSION)) !== 0;
    }
    if (!isKnown) throw new OpenFlowError(of.HELLO_INCOMPATIBLE, "only version 1.3 is spoken here");
    this.#isGreeted = true;
  }

  #handle(type: number, xid: number, reader: WireReader): void {
    const reply = (as: number, write?: (writer: WireWriter) => void): void =>
      this.#line.send(message(as, xid, write));
    switch (type) {
      case of.ERROR:
      case of.ECHO_REPLY:
        break;
      case of.ECHO_REQUEST:
        reply(of.ECHO_REPLY, (writer) => writer.bytes(reader.bytes(reader.left)));
        break;
      case of.FEATURES_REQUEST:
        reply(of.FEATURES_REPLY, (writer) => this.#writeFeatures(writer));
        break;
      case of.GET_CONFIG_REQUEST:
        reply(of.GET_CONFIG_REPLY, (writer) => writer.u16(0).u16(this.#missBytes));
        break;
      case of.SET_CONFIG:
        this.#setConfig(reader);
        break;
      case of.PACKET_OUT:
        this.#sendOut(reader);
        break;
      case of.FLOW_MOD:
        this.#changeFlows(reader);
        break;
      case of.PORT_MOD:
        this.#changePort(reader);
        break;
      case of.MULTIPART_REQUEST:
        this.#answer(xid, reader);
        break;
      case of.BARRIER_REQUEST:
        reply(of.BARRIER_REPLY); // All before it has been done.
        break;
      case of.ROLE_REQUEST:
        this.#changeRole(xid, reader);
        break;
      case of.GET_ASYNC_REQUEST:
        reply(of.GET_ASYNC_REPLY, (writer) => this.#writeHeard(writer));
        break;
      case of.SET_ASYNC:
        this.#setHeard(reader);
        break;
      case of.QUEUE_GET_CONFIG_REQUEST:
        reply(of.QUEUE_GET_CONFIG_REPLY, (writer) => writer.u32(reader.u32()).pad(4));
        break;
      default:
        throw new OpenFlowError(refusalOf(type), `message ${type} is not served`);
    }
  }

  #writeFeatures(writer: WireWriter): void {
    const { datapathId, flows } = this.#its;
    writer.u64(datapathId).u32(0).u8(flows.tables.length).u8(0).pad(2).u32(CAPABILITIES).u32(0);
  }

  #setConfig(reader: WireReader): void {
    const flags = reader.u16();
    if (flags !== 0) throw new OpenFlowError(of.BAD_SWITCH_FLAGS, `set_config: flags ${flags}`);
    this.#missBytes = reader.u16();
  }

  #mayChange(): void {
    if (this.role === of.ROLE_SECONDARY)
      throw new OpenFlowError(of.IS_SECONDARY, "another controller is the primary one");
  }

  #changeFlows(reader: WireReader): void {
    this.#mayChange();
    this.#counts.flowMods++;
    applyFlowMod(this.#its.flows, readFlowMod(reader));
  }

  #sendOut(reader: WireReader): void {
    this.#mayChange();
    const [buffer, inPort, bytes] = [reader.u32(), reader.u32(), reader.u16()];
    reader.skip(6);
    const actions = readActions(reader.part(bytes));
    const { flows, switch: its } = this.#its;
    if (inPort !== PORT_CONTROLLER && !its.portOf(inPort))
      throw new OpenFlowError(of.BAD_IN_PORT, `packet_out: there is no port ${inPort}`);
    checkActions(actions);
    if (buffer !== of.NO_BUFFER)
      throw new OpenFlowError(of.BUFFER_UNKNOWN, "packet_out: no frame is kept here");
    const frame = { bytes: reader.bytes(reader.left).slice() };
    if (frame.bytes.length < 14)
      throw new OpenFlowError(of.BAD_PACKET, `packet_out: ${frame.bytes.length} bytes`);
    flows.perform(actions, frame, inPort);
    its.flush();
  }

  #changePort(reader: WireReader): void {
    this.#mayChange();
    const number = reader.u32();
    reader.skip(4);
    const mac = reader.big(6);
    reader.skip(2);
    const [config, mask] = [reader.u32(), reader.u32()];
    const port = this.#its.switch.portOf(number);
    if (!port) throw new OpenFlowError(of.BAD_PORT_MOD, `port_mod: there is no port ${number}`);
    if (port.mac !== undefined && BigInt(port.mac) !== mac)
      throw new OpenFlowError(of.BAD_PORT_ADDRESS, "port_mod: that port has another address");
    const bits = mask & PORT_CONFIG_BITS;
    this.#its.switch.configure(port, (port.config & ~bits) | (config & bits));
  }

  /** Parts are put together to messages of less than 64 KiB. */
  #answer(xid: number, reader: WireReader): void {
    const type = reader.u16();
    const isMore = (reader.u16() & of.MULTIPART_MORE) !== 0;
    reader.skip(4);
    if (isMore) throw new OpenFlowError(of.BAD_MULTIPART, "multipart: requests come in one part");
    let waiting: Uint8Array[] = [];
    let bytes = 0;
    const send = (flags: number): void =>
      this.#line.send(
        message(of.MULTIPART_REPLY, xid, (writer) => {
          writer.u16(type).u16(flags).pad(4);
          for (const one of waiting) writer.bytes(one);
        }),
      );
    for (const part of answerParts(this.#its, type, reader)) {
      if (bytes + part.length > MULTIPART_BYTES_MAX) {
        send(of.MULTIPART_MORE);
        [waiting, bytes] = [[], 0];
      }
      waiting.push(part);
      bytes += part.length;
    }
    send(0);
  }

  #changeRole(xid: number, reader: WireReader): void {
    const role = reader.u32();
    reader.skip(4);
    const generation = reader.u64();
    if (role > of.ROLE_SECONDARY) throw new OpenFlowError(of.BAD_ROLE, `role ${role}`);
    if (role === of.ROLE_PRIMARY || role === of.ROLE_SECONDARY) {
      const newest = this.#its.generation;
      // The distance counts, with its sign: generations go round.
      if (newest !== undefined && BigInt.asIntN(64, generation - newest) < 0n)
        throw new OpenFlowError(of.STALE_ROLE, "role: an old generation");
      this.#its.generation = generation;
    }
    if (role !== of.ROLE_NO_CHANGE) this.role = role;
    if (role === of.ROLE_PRIMARY)
      for (const other of this.#its.sessions)
        if (other !== this && other.role === of.ROLE_PRIMARY) other.role = of.ROLE_SECONDARY;
    const newest = this.#its.generation ?? 0xffff_ffff_ffff_ffffn;
    this.#line.send(
      message(of.ROLE_REPLY, xid, (writer) => writer.u32(this.role).pad(4).u64(newest)),
    );
  }

  #writeHeard(writer: WireWriter): void {
    for (let i = 0; i < 3; i++) for (const masks of this.#heard) writer.u32(masks[i] as number);
  }

  #setHeard(reader: WireReader): void {
    const masks = Array.from({ length: 6 }, () => reader.u32());
    for (const [i, mask] of masks.entries()) this.#heard[(i % 2) as 0 | 1][i >> 1] = mask;
  }

  /** Does whoever is there want to hear of this? `kind`: frames, ports, rules. */
  #hears(kind: 0 | 1 | 2, reason: number): boolean {
    if (!this.#isGreeted) return false;
    const masks = this.#heard[this.role === of.ROLE_SECONDARY ? 1 : 0];
    if (((masks[kind] as number) & (1 << reason)) === 0) return false;
    if (this.#line.waitingBytes <= WAITING_BYTES_MAX) return true;
    this.#counts.lost++;
    return false;
  }

  frameIn(its: FrameIn): void {
    if (!this.#hears(0, its.reason === "no-match" ? 0 : 1)) return;
    const port = this.#its.switch.portOf(its.inPort);
    if (port && (port.config & PORT_CONFIG_NO_FRAME_IN) !== 0) return;
    if (!this.#mayTell() || its.frame.bytes.length > FRAME_BYTES_MAX) {
      this.#counts.lost++;
      return;
    }
    this.#counts.framesIn++;
    this.#line.send(encodeFrameIn(0, its));
  }

  /** A bucket: guests do not make a controller busy without end. */
  #mayTell(): boolean {
    const nowNs = this.#its.clock.nowNs();
    const { frames, sinceNs } = this.#bucket;
    const more = ((nowNs - sinceNs) * FRAMES_IN_PER_SEC) / 1e9;
    this.#bucket = { frames: Math.min(FRAMES_IN_PER_SEC, frames + more), sinceNs: nowNs };
    if (this.#bucket.frames < 1) return false;
    this.#bucket.frames--;
    return true;
  }

  flowRemoved(entry: FlowEntry, reason: RemovalReason): void {
    const number = { idle: 0, hard: 1, deleted: 2 }[reason];
    if (entry.rule.isRemovalTold && this.#hears(2, number))
      this.#line.send(encodeRemoved(this.#its, entry, reason));
  }

  portChanged(port: SwitchPort, change: PortChange): void {
    const reason = PORT_CHANGES.indexOf(change);
    if (!this.#hears(1, reason)) return;
    this.#line.send(
      message(of.PORT_STATUS, 0, (writer) => {
        writer.u8(reason).pad(7);
        writePort(writer, this.#its, port);
      }),
    );
  }
}

/** The longest frame that fits into a message with its header. */
const FRAME_BYTES_MAX = 65_000;

function refusalOf(type: number): ErrorKind {
  if (type === of.EXPERIMENTER) return of.BAD_EXPERIMENTER;
  if (type === of.GROUP_MOD) return of.NO_GROUPS;
  if (type === of.METER_MOD) return of.NO_METERS;
  return type === of.TABLE_MOD ? of.BAD_TABLE_MOD : of.BAD_TYPE;
}
