/** Matches, actions and instructions as OpenFlow 1.3 writes them. */
import type { Action, Instructions } from "../flow/actions.ts";
import { type Field, fieldOfOxm } from "../flow/fields.ts";
import type { Match, MatchField } from "../flow/match.ts";
import {
  BAD_ACTION_LENGTH,
  BAD_ACTION_TYPE,
  BAD_INSTRUCTION_LENGTH,
  BAD_MATCH_FIELD,
  BAD_MATCH_LENGTH,
  BAD_MATCH_TYPE,
  BAD_OUT_GROUP,
  BAD_SET_LENGTH,
  BAD_SET_TYPE,
  UNKNOWN_INSTRUCTION,
  UNSUPPORTED_INSTRUCTION,
} from "./constants.ts";
import { type ErrorKind, OpenFlowError, type WireReader, type WireWriter } from "./wire.ts";

const OXM_BASIC = 0x8000;
const MATCH_OXM = 1;
const OXM_HEADER_BYTES = 4;

export const ACTION_OUTPUT = 0;
export const ACTION_PUSH_VLAN = 17;
export const ACTION_POP_VLAN = 18;
const ACTION_GROUP = 22;
export const ACTION_SET_FIELD = 25;

export const INSTRUCTION_GOTO = 1;
export const INSTRUCTION_METADATA = 2;
export const INSTRUCTION_WRITE = 3;
export const INSTRUCTION_APPLY = 4;
export const INSTRUCTION_CLEAR = 5;
const INSTRUCTION_METER = 6;

const bytesOf = (field: Field): number => Math.ceil(field.bits / 8);

/** Header of a field: class 2, number 7 bits, has a mask 1 bit, length 1. */
export function oxmHeader(field: Field, hasMask: boolean): number {
  const bytes = bytesOf(field) * (hasMask ? 2 : 1);
  return ((OXM_BASIC << 16) | (field.oxm << 9) | ((hasMask ? 1 : 0) << 8) | bytes) >>> 0;
}

function readOxm(
  reader: WireReader,
  kinds: { readonly field: ErrorKind; readonly length: ErrorKind },
) {
  const header = reader.u32();
  const isBasic = header >>> 16 === OXM_BASIC;
  const field = isBasic ? fieldOfOxm((header >>> 9) & 0x7f) : undefined;
  if (!field) throw new OpenFlowError(kinds.field, `no field is 0x${header.toString(16)}`);
  const hasMask = (header & 0x100) !== 0;
  const bytes = bytesOf(field);
  if ((header & 0xff) !== bytes * (hasMask ? 2 : 1))
    throw new OpenFlowError(kinds.length, `${field.name}: ${header & 0xff} bytes`);
  const value = reader.big(bytes);
  return { field, value, mask: hasMask ? reader.big(bytes) : undefined };
}

/** A match with its padding. */
export function readMatch(reader: WireReader): Match {
  const from = reader.at;
  if (reader.left < 4) throw new OpenFlowError(BAD_MATCH_LENGTH, "a match is cut");
  const type = reader.u16();
  const length = reader.u16();
  if (type !== MATCH_OXM) throw new OpenFlowError(BAD_MATCH_TYPE, `match: type ${type}`);
  if (length < 4 || length - 4 > reader.left)
    throw new OpenFlowError(BAD_MATCH_LENGTH, `match: ${length} bytes`);
  const fields: MatchField[] = [];
  const its = reader.part(length - 4, BAD_MATCH_LENGTH);
  while (its.left > 0) fields.push(withoutNeedlessMask(readOxm(its, MATCH_KINDS)));
  reader.skip(Math.min(reader.left, (8 - ((reader.at - from) % 8)) % 8));
  return fields.filter(({ mask }) => mask !== 0n);
}

const MATCH_KINDS = { field: BAD_MATCH_FIELD, length: BAD_MATCH_LENGTH };

function withoutNeedlessMask({ field, mask, value }: MatchField): MatchField {
  const isWhole = mask === (1n << BigInt(field.bits)) - 1n;
  return isWhole || mask === undefined ? { field, value } : { field, value, mask };
}

export function writeMatch(writer: WireWriter, match: Match): void {
  const from = writer.length;
  writer.u16(MATCH_OXM).u16(0);
  for (const one of match) writeOxm(writer, one);
  writer.setU16(from + 2, writer.length - from);
  writer.align(from);
}

function writeOxm(writer: WireWriter, { field, mask, value }: MatchField): void {
  writer.u32(oxmHeader(field, mask !== undefined)).big(value, bytesOf(field));
  if (mask !== undefined) writer.big(mask, bytesOf(field));
}

export function readActions(reader: WireReader): Action[] {
  const actions: Action[] = [];
  while (reader.left > 0) {
    const type = reader.u16();
    const length = reader.u16();
    if (length < 8 || length % 8 !== 0 || length - 4 > reader.left)
      throw new OpenFlowError(BAD_ACTION_LENGTH, `action ${type}: ${length} bytes`);
    actions.push(readAction(type, length, reader.part(length - 4, BAD_ACTION_LENGTH)));
  }
  return actions;
}

function readAction(type: number, length: number, reader: WireReader): Action {
  const sizes: Readonly<Record<number, number>> = {
    [ACTION_OUTPUT]: 16,
    [ACTION_PUSH_VLAN]: 8,
    [ACTION_POP_VLAN]: 8,
  };
  const size = sizes[type];
  if (size !== undefined && size !== length)
    throw new OpenFlowError(BAD_ACTION_LENGTH, `action ${type}: ${length} bytes`);
  if (type === ACTION_OUTPUT) return { type: "output", port: reader.u32(), maxBytes: reader.u16() };
  if (type === ACTION_PUSH_VLAN) return { type: "push-vlan", etherType: reader.u16() };
  if (type === ACTION_POP_VLAN) return { type: "pop-vlan" };
  if (type === ACTION_SET_FIELD) {
    const { field, mask, value } = readOxm(reader, { field: BAD_SET_TYPE, length: BAD_SET_LENGTH });
    if (mask !== undefined) throw new OpenFlowError(BAD_SET_TYPE, `${field.name}: with a mask`);
    return { type: "set", field, value };
  }
  if (type === ACTION_GROUP) throw new OpenFlowError(BAD_OUT_GROUP, "there are no groups");
  throw new OpenFlowError(BAD_ACTION_TYPE, `action ${type} is not known`);
}

export function writeActions(writer: WireWriter, actions: readonly Action[]): void {
  for (const action of actions) {
    const from = writer.length;
    if (action.type === "output")
      writer.u16(ACTION_OUTPUT).u16(16).u32(action.port).u16(action.maxBytes).pad(6);
    else if (action.type === "push-vlan")
      writer.u16(ACTION_PUSH_VLAN).u16(8).u16(action.etherType).pad(2);
    else if (action.type === "pop-vlan") writer.u16(ACTION_POP_VLAN).u16(8).pad(4);
    else {
      writer.u16(ACTION_SET_FIELD).u16(0);
      writeOxm(writer, action);
      writer.align(from);
      writer.setU16(from + 2, writer.length - from);
    }
  }
}

/** Up to the end of `reader`. */
export function readInstructions(reader: WireReader): Instructions {
  let its: Instructions = { apply: [], write: [], isClearing: false };
  const seen = new Set<number>();
  while (reader.left > 0) {
    if (reader.left < OXM_HEADER_BYTES)
      throw new OpenFlowError(BAD_INSTRUCTION_LENGTH, "instructions are cut");
    const type = reader.u16();
    const length = reader.u16();
    if (length < 8 || length % 8 !== 0 || length - 4 > reader.left)
      throw new OpenFlowError(BAD_INSTRUCTION_LENGTH, `instruction ${type}: ${length} bytes`);
    if (seen.has(type))
      throw new OpenFlowError(UNSUPPORTED_INSTRUCTION, `instruction ${type}: given twice`);
    seen.add(type);
    its = { ...its, ...readInstruction(type, reader.part(length - 4, BAD_INSTRUCTION_LENGTH)) };
  }
  return its;
}

function readInstruction(type: number, reader: WireReader): Partial<Instructions> {
  if (type === INSTRUCTION_GOTO) return { goto: reader.u8() };
  if (type === INSTRUCTION_METER)
    throw new OpenFlowError(UNSUPPORTED_INSTRUCTION, "there are no meters");
  reader.skip(4);
  if (type === INSTRUCTION_METADATA)
    return { metadata: { value: reader.u64(), mask: reader.u64() } };
  if (type === INSTRUCTION_WRITE) return { write: readActions(reader) };
  if (type === INSTRUCTION_APPLY) return { apply: readActions(reader) };
  if (type === INSTRUCTION_CLEAR) return { isClearing: true };
  throw new OpenFlowError(UNKNOWN_INSTRUCTION, `instruction ${type} is not known`);
}

export function writeInstructions(writer: WireWriter, its: Instructions): void {
  if (its.apply.length > 0) writeActionList(writer, INSTRUCTION_APPLY, its.apply);
  if (its.isClearing) writer.u16(INSTRUCTION_CLEAR).u16(8).pad(4);
  if (its.write.length > 0) writeActionList(writer, INSTRUCTION_WRITE, its.write);
  if (its.metadata)
    writer.u16(INSTRUCTION_METADATA).u16(24).pad(4).u64(its.metadata.value).u64(its.metadata.mask);
  if (its.goto !== undefined) writer.u16(INSTRUCTION_GOTO).u16(8).u8(its.goto).pad(3);
}

function writeActionList(writer: WireWriter, type: number, actions: readonly Action[]): void {
  const from = writer.length;
  writer.u16(type).u16(0).pad(4);
  writeActions(writer, actions);
  writer.setU16(from + 2, writer.length - from);
}
