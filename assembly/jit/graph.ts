/**
 * Finds the region of an entry: basic blocks, reached by direct branches. What was never executed is
 * left out: a branch whose target nobody decoded leads out of the region, and so does one to a page
 * that is not in the fetch TLB. An instruction that only the interpreter does ends its block.
 */
import { decodeAt, decodeStraddling } from "../code/block";
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import { Tlb } from "../mmu/tlb";
import { canTranslate } from "./coverage";
import { noteOperands, rdOfUop, rs1OfUop } from "./operands";
import {
  addTarget,
  clearTargets,
  firstReachable,
  hasJump,
  lastReachable,
  noteJump,
  Targets,
} from "./targets";
import {
  BLOCK_CALLEE,
  BLOCK_COUNT,
  BLOCK_END,
  BLOCK_ENDS,
  BLOCK_FIRST,
  BLOCK_NEXT,
  BLOCK_REL,
  BLOCK_TAKEN,
  BLOCK_TAKEN_REL,
  BLOCKS_MAX,
  clearWork,
  ENDS_BRANCH,
  ENDS_CALL,
  ENDS_CALL_REGISTER,
  ENDS_FALL,
  ENDS_INDIRECT,
  ENDS_INTERPRET,
  ENDS_JUMP,
  ENDS_TABLE,
  FIRST_PAGE,
  INSTRUCTIONS_MAX,
  LAST_PAGE,
  LEADER,
  SEEN,
  Work,
} from "./work";

const RA: u32 = 1;
/** The alternate link register. */
const ALTERNATE_RA: u32 = 5;

/** Instructions that are looked at for leaders: about the size of a region. */
const SCAN_MAX: i32 = 200;

abstract class Scan {
  /** Bytes of the instruction that was decoded last. */
  static bytes: i32 = 0;
  static pending: i32 = 0;
  /** Target of the AUIPC + JALR pair that was decoded last. */
  static target: i32 = 0;
}

function findPages(): void {
  for (let k = FIRST_PAGE; k <= LAST_PAGE; k++) {
    const gva = Work.base + <u64>((<i64>k) << 12);
    const entry = Tlb.fetch(gva);
    const known = load<u64>(entry) == (gva | Tlb.fetchTag);
    store<u32>(Work.pageOf(k << 12), known ? load<u32>(entry, 12) : 0);
    store<u32>(Work.pageOf(k << 12), known ? load<u32>(entry, 8) : 0, 4);
  }
}

/** Decodes the instruction at `rel` to `u`. Its operation, or -1: it cannot be read whole here. */
function decodeRel(rel: i32, u: usize): i32 {
  if (!Work.isNear(rel)) return -1;
  const frame = Work.frame(rel);
  if (!frame) return -1;
  Scan.bytes = decodeAt(frame, rel & 0xfff, u);
  if (!Scan.bytes) return decodeBoth(rel, u);
  return canTranslate(u) ? Uop.op(u) : -1;
}

/** Likewise, where its halves lie on two pages, unless it is a jump. */
function decodeBoth(rel: i32, u: usize): i32 {
  const next = Work.isNear(rel + 2) ? Work.frame(rel + 2) : 0;
  if (!next) return -1;
  Scan.bytes = decodeStraddling(load<u16>(Work.frame(rel) + 0xffe), load<u16>(next), u);
  const op = Uop.op(u);
  return canTranslate(u) && !(op >= ops.OP_J && op <= ops.OP_BGEU) ? op : -1;
}

/** Does the instruction at `rel`, of `bytes` bytes, lie on two pages? It is a block by itself. */
function straddles(rel: i32, bytes: i32): bool {
  return (rel & 0xfff) + bytes > 0x1000;
}

export function isBranch(op: i32): bool {
  return op >= ops.OP_BEQ && op <= ops.OP_BGEU;
}

/** Where the branch or jump at `u`, which stands at `rel`, leads. */
export function targetRel(u: usize, rel: i32): i32 {
  return (rel & ~0xfff) + Uop.imm(u);
}

/** Was the instruction at `rel` ever jumped to? */
function wasReached(rel: i32): bool {
  if (!Work.isNear(rel) || rel & 1) return false;
  const table = Work.table(rel);
  return table != 0 && load<u32>(table + ((<usize>rel & 0xffe) << 1)) != 0;
}

function addLeader(rel: i32): void {
  if (!Work.isNear(rel) || Work.mark(rel) & LEADER || Scan.pending >= BLOCKS_MAX) return;
  Work.addMark(rel, LEADER);
  store<i32>(Work.stack + ((<usize>Scan.pending) << 2), rel);
  Scan.pending++;
}

/** Follows the code from `rel` on and notes the leaders that its branches lead to. */
function scan(from: i32): void {
  let rel = from;
  const u = Work.uop(INSTRUCTIONS_MAX);
  while (Work.isNear(rel) && !(Work.mark(rel) & SEEN)) {
    const op = decodeRel(rel, u);
    if (op < 0) return;
    if (rel != from && straddles(rel, Scan.bytes)) return addLeader(rel);
    Work.addMark(rel, SEEN);
    if (++Work.instructionCount > SCAN_MAX) return;
    const behind = rel + Scan.bytes;
    if (isBranch(op)) {
      if (wasReached(targetRel(u, rel))) addLeader(targetRel(u, rel));
      addLeader(behind);
      return;
    }
    if (op == ops.OP_J && wasReached(targetRel(u, rel))) addLeader(targetRel(u, rel));
    if (op == ops.OP_JAL || op == ops.OP_JALR) addLeader(behind);
    if (op == ops.OP_JR && isTableJump(u)) noteJump(rel);
    if (op >= ops.OP_J && op <= ops.OP_JALR) return;
    if (crosses(rel, behind)) return addLeader(behind);
    rel = behind;
  }
}

/** Does a block that goes on from `rel` to `behind` leave its page? It ends there: the next page is guarded. */
function crosses(rel: i32, behind: i32): bool {
  return rel >> 12 != behind >> 12;
}

/** Is the JR at `u` not a return? */
function isTableJump(u: usize): bool {
  return rs1OfUop(u) != RA && rs1OfUop(u) != ALTERNATE_RA;
}

/** Everything that was reached near the jump may be a target of it. */
function addTargets(): void {
  if (!hasJump()) return;
  const limit = BLOCKS_MAX >> 1;
  for (let rel = firstReachable(); rel <= lastReachable() && Scan.pending < limit; rel += 2)
    if (wasReached(rel)) addLeader(rel);
}

/** Finds all leaders; their number. Block numbers are given in the order of discovery. */
function findLeaders(): i32 {
  Scan.pending = 0;
  addLeader(Work.entryRel);
  let i = 0;
  for (; i < Scan.pending; i++) scan(load<i32>(Work.stack + ((<usize>i) << 2)));
  addTargets();
  for (; i < Scan.pending; i++) scan(load<i32>(Work.stack + ((<usize>i) << 2)));
  for (let i = 0; i < Scan.pending; i++) {
    const rel = load<i32>(Work.stack + ((<usize>i) << 2));
    store<u16>(Work.ids + (Work.halfword(rel) << 1), <u16>(i + 1));
    Work.set(i, BLOCK_REL, rel);
  }
  return Scan.pending;
}

/** Gives the blocks near the jump to `Targets`, in order of their offsets. */
function collectTargets(): void {
  if (!hasJump()) return;
  for (let rel = firstReachable(); rel <= lastReachable(); rel += 2)
    if (Work.idAt(rel) >= 0 && wasReached(rel) && !addTarget(Work.idAt(rel), rel)) return;
}

function idOf(rel: i32): i32 {
  return Work.isNear(rel) && !(rel & 1) ? Work.idAt(rel) : -1;
}

function ends(id: i32, kind: i32, taken: i32, behind: i32): void {
  Work.set(id, BLOCK_ENDS, kind);
  Work.set(id, BLOCK_TAKEN_REL, taken);
  Work.set(id, BLOCK_TAKEN, kind == ENDS_JUMP || kind == ENDS_BRANCH ? idOf(taken) : -1);
  Work.set(id, BLOCK_END, behind);
  Work.set(id, BLOCK_NEXT, kind == ENDS_JUMP ? -1 : idOf(behind));
  Work.set(id, BLOCK_CALLEE, -1);
}

/** Is the JALR at `u` the second half of a far call or jump, behind an AUIPC? Sets `Scan.target`. */
function isFar(id: i32, u: usize): bool {
  if (Work.get(id, BLOCK_COUNT) < 2) return false;
  const before = u - 8;
  if (Uop.op(before) != ops.OP_AUIPC || rdOfUop(before) != rs1OfUop(u)) return false;
  const rel = Work.rel(Work.get(id, BLOCK_FIRST) + Work.get(id, BLOCK_COUNT) - 2);
  Scan.target = ((rel & ~0xfff) + Uop.imm(before) + <i32>load<i16>(u, 4)) & ~1;
  return true;
}

/** Ends block `id` with the control transfer at `u`, which stands at `rel`. */
function endWith(id: i32, u: usize, rel: i32): void {
  const op = Uop.op(u);
  const behind = rel + Scan.bytes;
  if (isBranch(op)) return ends(id, ENDS_BRANCH, targetRel(u, rel), behind);
  if (op == ops.OP_J) return ends(id, ENDS_JUMP, targetRel(u, rel), behind);
  if (op == ops.OP_JAL) {
    const kind = rdOfUop(u) == RA ? ENDS_CALL : ENDS_JUMP;
    return ends(id, kind, targetRel(u, rel), behind);
  }
  if (op == ops.OP_JALR && rdOfUop(u) == RA && isFar(id, u))
    return ends(id, ENDS_CALL, Scan.target, behind);
  const isTable =
    op == ops.OP_JR && isTableJump(u) && Targets.count > 0 && rel >> 12 == Targets.jump >> 12;
  if (op == ops.OP_JALR && rdOfUop(u) == RA) return ends(id, ENDS_CALL_REGISTER, 0, behind);
  ends(id, isTable ? ENDS_TABLE : ENDS_INDIRECT, 0, behind);
}

/** Decodes block `id` to its end: a transfer, the next leader, or what the interpreter must do. */
function fillBlock(id: i32): void {
  let rel = Work.get(id, BLOCK_REL);
  Work.set(id, BLOCK_FIRST, Work.instructionCount);
  Work.set(id, BLOCK_COUNT, 0);
  while (true) {
    const u = Work.uop(Work.instructionCount);
    const op = Work.instructionCount < INSTRUCTIONS_MAX ? decodeRel(rel, u) : -1;
    if (op < 0) return ends(id, ENDS_INTERPRET, 0, rel);
    if (Work.get(id, BLOCK_COUNT) && straddles(rel, Scan.bytes)) return ends(id, ENDS_FALL, 0, rel);
    store<i32>(Work.rels + ((<usize>Work.instructionCount) << 2), rel);
    Work.instructionCount++;
    Work.set(id, BLOCK_COUNT, Work.get(id, BLOCK_COUNT) + 1);
    noteOperands(u);
    const behind = rel + Scan.bytes;
    if (isBranch(op) || (op >= ops.OP_J && op <= ops.OP_JALR)) return endWith(id, u, rel);
    if (!Work.isNear(behind)) return ends(id, ENDS_INTERPRET, 0, behind);
    if (Work.mark(behind) & LEADER || crosses(rel, behind)) return ends(id, ENDS_FALL, 0, behind);
    rel = behind;
  }
}

/** Finds the region whose entry is `pc`. Used registers are added to `Used`. */
export function findRegion(pc: u64): void {
  clearWork();
  clearTargets();
  Work.base = pc & ~0xfff;
  Work.entryRel = <i32>pc & 0xfff;
  findPages();
  const count = findLeaders();
  collectTargets();
  Work.instructionCount = 0;
  for (let id = 0; id < count; id++) fillBlock(id);
  Work.blockCount = count;
}
