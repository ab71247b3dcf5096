/** FLOW_MOD, both ways, and what it does to tables. */

import { type Instructions, NO_INSTRUCTIONS, PORT_ANY } from "../flow/actions.ts";
import type { FlowRule } from "../flow/flow-entry.ts";
import { FlowError, type FlowRefusal } from "../flow/flow-error.ts";
import type { Match } from "../flow/match.ts";
import type { FlowPipeline, FlowSelection } from "../flow/pipeline.ts";
import { readInstructions, readMatch, writeInstructions, writeMatch } from "./codec.ts";
import {
  BAD_FLOW_COMMAND,
  BUFFER_UNKNOWN,
  FLAG_CHECK_OVERLAP,
  FLAG_RESET_COUNTS,
  FLAG_SEND_REMOVED,
  FLOW_ADD,
  FLOW_DELETE,
  FLOW_DELETE_STRICT,
  FLOW_MOD,
  FLOW_MODIFY,
  FLOW_MODIFY_STRICT,
  GROUP_ANY,
  NO_BUFFER,
} from "./constants.ts";
import { type ErrorKind, message, OpenFlowError, type WireReader } from "./wire.ts";

export interface FlowMod {
  readonly command: number;
  readonly table: number;
  readonly priority: number;
  readonly match: Match;
  readonly instructions: Instructions;
  readonly cookie: bigint;
  readonly cookieMask: bigint;
  readonly idleSec: number;
  readonly hardSec: number;
  readonly outPort: number;
  readonly flags: number;
}

/** The smallest order about rules: what a controller does not say. */
export const DEFAULT_FLOW_MOD: FlowMod = {
  command: FLOW_ADD,
  table: 0,
  priority: 0x8000,
  match: [],
  instructions: NO_INSTRUCTIONS,
  cookie: 0n,
  cookieMask: 0n,
  idleSec: 0,
  hardSec: 0,
  outPort: PORT_ANY,
  flags: 0,
};

/** The body. `buffer` asks for a frame that was kept here, of which there is none. */
export function readFlowMod(reader: WireReader): FlowMod & { readonly buffer: number } {
  const cookie = reader.u64();
  const cookieMask = reader.u64();
  const [table, command] = [reader.u8(), reader.u8()];
  const [idleSec, hardSec, priority] = [reader.u16(), reader.u16(), reader.u16()];
  const [buffer, outPort] = [reader.u32(), reader.u32()];
  reader.skip(4); // Group: there are none.
  const flags = reader.u16();
  reader.skip(2);
  const match = readMatch(reader);
  const instructions = readInstructions(reader);
  const times = { idleSec, hardSec };
  return {
    command,
    table,
    priority,
    match,
    instructions,
    cookie,
    cookieMask,
    ...times,
    outPort,
    flags,
    buffer,
  };
}

export function encodeFlowMod(xid: number, mod: FlowMod): Uint8Array {
  return message(FLOW_MOD, xid, (writer) => {
    writer.u64(mod.cookie).u64(mod.cookieMask).u8(mod.table).u8(mod.command);
    writer.u16(mod.idleSec).u16(mod.hardSec).u16(mod.priority);
    writer.u32(NO_BUFFER).u32(mod.outPort).u32(GROUP_ANY).u16(mod.flags).pad(2);
    writeMatch(writer, mod.match);
    writeInstructions(writer, mod.instructions);
  });
}

/** Does what it says. Throws {@link FlowError}, {@link OpenFlowError}. */
export function applyFlowMod(flows: FlowPipeline, mod: ReturnType<typeof readFlowMod>): void {
  const { command, flags } = mod;
  const counters = (flags & FLAG_RESET_COUNTS) === 0 ? "keep" : "reset";
  const isStrict = command === FLOW_MODIFY_STRICT || command === FLOW_DELETE_STRICT;
  const isDelete = command === FLOW_DELETE || command === FLOW_DELETE_STRICT;
  const selection: FlowSelection = {
    ...mod,
    outPort: isDelete ? mod.outPort : PORT_ANY,
    priority: isStrict ? mod.priority : undefined,
  };
  if (command === FLOW_ADD) {
    const overlap = (flags & FLAG_CHECK_OVERLAP) === 0 ? "allow" : "refuse";
    flows.add(ruleOf(mod), { overlap, counters });
  } else if (command === FLOW_MODIFY || command === FLOW_MODIFY_STRICT)
    flows.modify(selection, mod.instructions, counters);
  else if (isDelete) flows.remove(selection);
  else throw new OpenFlowError(BAD_FLOW_COMMAND, `flow_mod: command ${command}`);
  if (mod.buffer !== NO_BUFFER && !isDelete)
    throw new OpenFlowError(BUFFER_UNKNOWN, "flow_mod: no frame is kept here");
}

function ruleOf(mod: FlowMod): FlowRule {
  const { cookie, flags, hardSec, idleSec, instructions, match, priority, table } = mod;
  const isRemovalTold = (flags & FLAG_SEND_REMOVED) !== 0;
  return { table, priority, match, cookie, idleSec, hardSec, instructions, isRemovalTold, flags };
}

const KINDS: Readonly<Record<FlowRefusal, ErrorKind>> = {
  "bad-prerequisite": [4, 9],
  "bad-value": [4, 7],
  "bad-mask": [4, 8],
  "bad-field": [4, 6],
  "duplicate-field": [4, 10],
  "bad-table": [5, 2],
  "table-full": [5, 1],
  overlap: [5, 3],
  "bad-goto": [3, 2],
  "bad-out-port": [2, 4],
  "bad-action": [2, 0],
  "bad-action-argument": [2, 5],
  "bad-set-value": [2, 15],
  "too-many-actions": [2, 7],
};

/** What a peer is told of an error; undefined: it is no error of its own making. */
export function errorKind(error: unknown): ErrorKind | undefined {
  if (error instanceof OpenFlowError) return error.kind;
  return error instanceof FlowError ? KINDS[error.refusal] : undefined;
}
