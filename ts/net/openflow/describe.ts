/** What a switch tells of itself: features, ports, and the answers to multipart requests. */
import type { Clock } from "../../base/clock.ts";
import { PORT_ANY } from "../flow/actions.ts";
import { FIELDS, type Field, fieldCalled } from "../flow/fields.ts";
import type { FlowEntry, RemovalReason } from "../flow/flow-entry.ts";
import { type FlowTable, TABLE_RULES_MAX } from "../flow/flow-table.ts";
import { type FlowPipeline, type FrameIn, TABLES } from "../flow/pipeline.ts";
import { macBytes } from "../mac.ts";
import type { Switch } from "../switch.ts";
import { PORT_CONFIG_DOWN, type SwitchPort } from "../switch-port.ts";
import {
  ACTION_OUTPUT,
  ACTION_POP_VLAN,
  ACTION_PUSH_VLAN,
  ACTION_SET_FIELD,
  INSTRUCTION_APPLY,
  INSTRUCTION_CLEAR,
  INSTRUCTION_GOTO,
  INSTRUCTION_METADATA,
  INSTRUCTION_WRITE,
  oxmHeader,
  readMatch,
  writeInstructions,
  writeMatch,
} from "./codec.ts";
import {
  BAD_IN_PORT,
  BAD_MULTIPART,
  FLOW_REMOVED,
  MULTIPART_AGGREGATE,
  MULTIPART_DESC,
  MULTIPART_FLOW,
  MULTIPART_GROUP,
  MULTIPART_GROUP_DESC,
  MULTIPART_GROUP_FEATURES,
  MULTIPART_METER,
  MULTIPART_METER_CONFIG,
  MULTIPART_METER_FEATURES,
  MULTIPART_PORT_DESC,
  MULTIPART_PORT_STATS,
  MULTIPART_QUEUE,
  MULTIPART_TABLE,
  MULTIPART_TABLE_FEATURES,
  NO_BUFFER,
  NO_TABLE_FEATURES,
  PACKET_IN,
} from "./constants.ts";
import { message, OpenFlowError, type WireReader, WireWriter } from "./wire.ts";

const STATE_DOWN = 1; // No link.
const STATE_BLOCKED = 2;
const STATE_LIVE = 4;
const FEATURE_10GB_COPPER = (1 << 6) | (1 << 11);
const SPEED_KBIT = 10_000_000;
/** An address that a port has of its own, for those that no card owns. */
const PORT_MAC = 0x0256_0000_0000;

export interface Described {
  readonly name: string;
  readonly switch: Switch;
  readonly flows: FlowPipeline;
  readonly clock: Clock;
  /** When its ports began to count. */
  readonly sinceNs: number;
}

export function writePort(writer: WireWriter, its: Described, port: SwitchPort): void {
  const isShut = its.switch.isShut(port);
  const isDown = (port.config & PORT_CONFIG_DOWN) !== 0;
  writer.u32(port.number).pad(4);
  writer.bytes(macBytes(port.mac ?? PORT_MAC + (port.number % 2 ** 32))).pad(2);
  writer.text(port.name, 16).u32(port.config);
  writer.u32((isDown ? STATE_DOWN : STATE_LIVE) | (isShut ? STATE_BLOCKED : 0));
  for (let i = 0; i < 4; i++) writer.u32(i === 0 ? FEATURE_10GB_COPPER : 0);
  writer.u32(SPEED_KBIT).u32(SPEED_KBIT);
}

/** A frame for a controller. */
export function encodeFrameIn(xid: number, its: FrameIn): Uint8Array {
  const { bytes } = its.frame;
  const inPort = { field: fieldCalled("in_port") as Field, value: BigInt(its.inPort) };
  return message(PACKET_IN, xid, (writer) => {
    writer
      .u32(NO_BUFFER)
      .u16(bytes.length)
      .u8(its.reason === "no-match" ? 0 : 1);
    writer.u8(its.table).u64(its.cookie);
    writeMatch(writer, [inPort]);
    writer.pad(2).bytes(bytes);
  });
}

const REMOVALS: readonly RemovalReason[] = ["idle", "hard", "deleted"];

export function encodeRemoved(its: Described, entry: FlowEntry, reason: RemovalReason): Uint8Array {
  const { rule } = entry;
  return message(FLOW_REMOVED, 0, (writer) => {
    writer.u64(rule.cookie).u16(rule.priority).u8(REMOVALS.indexOf(reason)).u8(rule.table);
    writeDuration(writer, its.clock.nowNs() - entry.createdNs);
    writer.u16(rule.idleSec).u16(rule.hardSec).u64(entry.frames).u64(entry.bytes);
    writeMatch(writer, rule.match);
  });
}

function writeDuration(writer: WireWriter, ns: number): WireWriter {
  return writer.u32(Math.floor(ns / 1e9)).u32(Math.floor(ns % 1e9));
}

type Answer = (its: Described, request: WireReader) => Iterable<Uint8Array>;

/** One part of an answer: it is not divided between messages. */
function part(write: (writer: WireWriter) => void): Uint8Array {
  const writer = new WireWriter();
  write(writer);
  return writer.done();
}

const ANSWERS: Readonly<Record<number, Answer>> = {
  [MULTIPART_DESC]: (its) => [
    part((writer) => {
      writer.text("wasmvisor", 256).text("virtual switch", 256).text("wasmvisor", 256);
      writer.text("none", 32).text(its.name, 256);
    }),
  ],
  *[MULTIPART_FLOW](its, request) {
    its.flows.expire();
    for (const entry of its.flows.select(readSelection(request)))
      yield part((writer) => writeFlow(writer, its, entry));
  },
  [MULTIPART_AGGREGATE]: (its, request) => {
    its.flows.expire();
    const sums = { frames: 0, bytes: 0, count: 0 };
    for (const { bytes, frames } of its.flows.select(readSelection(request))) {
      sums.frames += frames;
      sums.bytes += bytes;
      sums.count++;
    }
    return [part((writer) => writer.u64(sums.frames).u64(sums.bytes).u32(sums.count).pad(4))];
  },
  [MULTIPART_TABLE]: (its) =>
    its.flows.tables.map((table) =>
      part((writer) => {
        writer.u8(table.number).pad(3).u32(table.size);
        writer.u64(table.lookups).u64(table.matched);
      }),
    ),
  *[MULTIPART_PORT_STATS](its, request) {
    const number = request.u32();
    const ports = its.switch.ports.filter((one) => number === PORT_ANY || one.number === number);
    if (number !== PORT_ANY && ports.length === 0)
      throw new OpenFlowError(BAD_IN_PORT, `there is no port ${number}`);
    for (const port of ports) yield part((writer) => writePortStats(writer, its, port));
  },
  *[MULTIPART_PORT_DESC](its) {
    for (const port of its.switch.ports) yield part((writer) => writePort(writer, its, port));
  },
  *[MULTIPART_TABLE_FEATURES](its, request) {
    if (request.left > 0) throw new OpenFlowError(NO_TABLE_FEATURES, "tables are as they are");
    for (const table of its.flows.tables) yield part((writer) => writeTable(writer, table));
  },
  // There are no queues, groups and meters.
  [MULTIPART_QUEUE]: () => [],
  [MULTIPART_GROUP]: () => [],
  [MULTIPART_GROUP_DESC]: () => [],
  [MULTIPART_GROUP_FEATURES]: () => [new Uint8Array(40)],
  [MULTIPART_METER]: () => [],
  [MULTIPART_METER_CONFIG]: () => [],
  [MULTIPART_METER_FEATURES]: () => [new Uint8Array(16)],
};

/** Parts of the answer to a multipart request. Throws {@link OpenFlowError}. */
export function answerParts(its: Described, type: number, request: WireReader) {
  const answer = ANSWERS[type];
  if (!answer) throw new OpenFlowError(BAD_MULTIPART, `multipart: type ${type} is not known`);
  return answer(its, request);
}

function readSelection(request: WireReader) {
  const table = request.u8();
  request.skip(3);
  const outPort = request.u32();
  request.skip(8); // Group, padding.
  const [cookie, cookieMask] = [request.u64(), request.u64()];
  return { table, outPort, cookie, cookieMask, match: readMatch(request) };
}

function writeFlow(writer: WireWriter, its: Described, entry: FlowEntry): void {
  const { rule } = entry;
  writer.u16(0).u8(rule.table).pad(1);
  writeDuration(writer, its.clock.nowNs() - entry.createdNs);
  writer.u16(rule.priority).u16(rule.idleSec).u16(rule.hardSec).u16(rule.flags).pad(4);
  writer.u64(rule.cookie).u64(entry.frames).u64(entry.bytes);
  writeMatch(writer, rule.match);
  writeInstructions(writer, rule.instructions);
  writer.setU16(0, writer.length);
}

function writePortStats(writer: WireWriter, its: Described, port: SwitchPort): void {
  const { inBytes, inFrames, lostFrames, outBytes, outFrames, refusedFrames, stormFrames } =
    port.metrics();
  writer.u32(port.number).pad(4).u64(inFrames).u64(outFrames).u64(inBytes).u64(outBytes);
  writer.u64(refusedFrames + stormFrames).u64(lostFrames);
  writer.pad(6 * 8); // Errors of lines that there are not.
  writeDuration(writer, its.clock.nowNs() - its.sinceNs);
}

function writeTable(writer: WireWriter, table: FlowTable): void {
  const { number } = table;
  const isLast = number === TABLES - 1;
  const all = 0xffff_ffff_ffff_ffffn;
  writer.u16(0).u8(number).pad(5).text(`table${number}`, 32).u64(all).u64(all);
  writer.u32(0).u32(TABLE_RULES_MAX);
  const instructions = [INSTRUCTION_METADATA, INSTRUCTION_WRITE, INSTRUCTION_APPLY];
  instructions.push(INSTRUCTION_CLEAR, ...(isLast ? [] : [INSTRUCTION_GOTO]));
  property(writer, 0, () => {
    for (const one of instructions) writer.u16(one).u16(4);
  });
  property(writer, 2, () => {
    for (let next = number + 1; next < TABLES; next++) writer.u8(next);
  });
  const actions = [ACTION_OUTPUT, ACTION_PUSH_VLAN, ACTION_POP_VLAN, ACTION_SET_FIELD];
  for (const type of [4, 6])
    property(writer, type, () => {
      for (const one of actions) writer.u16(one).u16(4);
    });
  const fields = (type: number, its: readonly Field[], hasMask = false): void =>
    property(writer, type, () => {
      for (const one of its) writer.u32(oxmHeader(one, hasMask && one.isMaskable));
    });
  fields(8, FIELDS, true);
  fields(10, FIELDS);
  const settable = FIELDS.filter((one) => one.isSettable);
  fields(12, settable);
  fields(14, settable);
  writer.setU16(0, writer.length);
}

/** Type 2, length 2 without the padding, contents. */
function property(writer: WireWriter, type: number, write: () => void): void {
  const from = writer.length;
  writer.u16(type).u16(0);
  write();
  writer.setU16(from + 2, writer.length - from);
  writer.align(from);
}
