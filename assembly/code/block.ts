/**
 * Decoding a block: straight on from its entry, past branches that are not taken, to the first
 * unconditional transfer, the end of the page or the limit. Each branch first leads to a stub behind
 * the block: OP_LINK finds the target block in the same page and patches the branch, OP_GOTO goes to
 * another page.
 */
import { expand } from "../../build/isa-tables";
import { decode } from "../isa/decode";
import { funct3Of, immB, immI, immJ, rdOf } from "../isa/fields";
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import { fusePairs } from "./fuse";
import { sideOf } from "./side";

/** Room that a block of 255 instructions and its stubs can need. */
export const MAX_BLOCK_BYTES: usize = 256 * 8 * 3;

const PAGE: i32 = 4096;

abstract class Builder {
  /** Raw 16 bits or 32 bits of the instruction at hand, and its bytes. */
  static raw: u32 = 0;
  static bytes: i32 = 0;
  /** The 32-bit instruction that it is or stands for; 0: none. */
  static full: u32 = 0;
}

function isLinked(op: i32): bool {
  return op == ops.OP_J || op == ops.OP_JAL || (op >= ops.OP_BEQ && op <= ops.OP_BGEU);
}

/** True when nothing behind this operation can run without a jump to it. */
function endsBlock(op: i32, full: u32): bool {
  if (op == ops.OP_SYSTEM) return funct3Of(full) == 0;
  return op == ops.OP_ILLEGAL || op == ops.OP_FENCE_I || (op >= ops.OP_J && op <= ops.OP_JALR);
}

/** Branches and jumps: target and link are offsets in the page. Returns the operation. */
function control(u: usize, op: i32, at: i32): i32 {
  const full = Builder.full;
  const behind = at + Builder.bytes;
  if (op == ops.OP_JAL) {
    const linked: i32 = rdOf(full) ? ops.OP_JAL : ops.OP_J;
    Uop.set(u, linked, at + immJ(full));
    store<u16>(u, <u16>behind, 2); // The register fields are free: the link.
    return linked;
  }
  if (op == ops.OP_JALR) {
    const linked: i32 = rdOf(full) ? ops.OP_JALR : ops.OP_JR;
    Uop.set(u, linked, (immI(full) & 0xffff) | (behind << 16));
    return linked;
  }
  Uop.set(u, op, at + immB(full));
  return op;
}

/** Decodes the instruction in `Builder` at page offset `at` to `u`. */
function instruction(u: usize, at: i32): void {
  const full = Builder.bytes == 2 ? expand(Builder.raw) : Builder.raw;
  Builder.full = full;
  let op = full ? decode(u, full) : ops.OP_ILLEGAL;
  if (op >= ops.OP_J && op <= ops.OP_BGEU) op = control(u, op, at);
  if (op == ops.OP_AUIPC) Uop.set(u, op, Uop.imm(u) + at);
  if (op == ops.OP_ILLEGAL) Uop.set(u, op, <i32>Builder.raw);
  if (op >= ops.OP_FLW && op <= ops.OP_FSD)
    store<u16>(u, Builder.bytes == 2 ? <u16>Builder.raw : 0, 6); // for mtval, if FS is Off
}

/** Likewise, in a block: notes where the instruction stands. */
function one(u: usize, at: i32): void {
  store<u16>(sideOf(u), <u16>at);
  instruction(u, at);
}

/**
 * Decodes the instruction at offset `at` of `frame` to `u`, by itself: branches and jumps have their
 * page-relative target as immediate. Returns its bytes; 0 if it does not end in the page.
 */
export function decodeAt(frame: usize, at: i32, u: usize): i32 {
  const low = load<u16>(frame + at);
  Builder.bytes = (low & 3) == 3 ? 4 : 2;
  if (at + Builder.bytes > PAGE) return 0;
  Builder.raw = Builder.bytes == 2 ? low : load<u32>(frame + at);
  instruction(u, at);
  return Builder.bytes;
}

/** Decodes the instruction of which `low` ends a page and `high` begins the next one to `u`, likewise. */
export function decodeStraddling(low: u32, high: u32, u: usize): i32 {
  Builder.bytes = 4;
  Builder.raw = low | (high << 16);
  instruction(u, PAGE - 2);
  return 4;
}

/** Appends a stub that leads to page offset `target`; `branch` is to be patched when it is known. */
function stub(u: usize, target: i32, branch: usize): usize {
  const near = target >= 0 && target < PAGE;
  Uop.set(u, near ? ops.OP_LINK : ops.OP_GOTO, target);
  store<u16>(sideOf(u), <u16>target);
  if (!near) return u + 8;
  store<u32>(u, <u32>branch, 8);
  return u + 16;
}

/** Gives every branch of the block from `start` to `end` its stub; returns the end of those. */
function appendStubs(start: usize, end: usize): usize {
  let next = end;
  for (let u = start; u < end; u += 8) {
    if (!isLinked(Uop.op(u))) continue;
    const target = Uop.imm(u);
    store<u32>(u, <u32>next, 4);
    next = stub(next, target, u);
  }
  fusePairs(start, end);
  return next;
}

/**
 * Decodes at most `limit` instructions of the page in `frame` from offset `from` on; writes the block
 * at `start` and returns the address behind it and its stubs.
 */
export function buildBlock(frame: usize, from: u32, limit: u32, start: usize): usize {
  let at = <i32>from;
  let u = start;
  let open = true;
  for (let n: u32 = 0; open && n < limit && at < PAGE; n++) {
    const low = load<u16>(frame + at);
    Builder.bytes = (low & 3) == 3 ? 4 : 2;
    if (at + Builder.bytes > PAGE) {
      Uop.set(u, ops.OP_STRADDLE, at);
      store<u16>(sideOf(u), <u16>at);
      return appendStubs(start, u + 8);
    }
    Builder.raw = Builder.bytes == 2 ? low : load<u32>(frame + at);
    one(u, at);
    open = !endsBlock(Uop.op(u), Builder.full);
    u += 8;
    at += Builder.bytes;
  }
  // Also behind an unconditional transfer: its offset is what `pageOffsetBehind` asks for.
  Uop.set(u, ops.OP_GOTO, at);
  store<u16>(sideOf(u), <u16>at);
  return appendStubs(start, u + 8);
}

/** Decodes the single instruction `raw`, whose first half ends the page, to `start`. */
export function buildStraddling(raw: u32, at: i32, start: usize): void {
  Builder.raw = raw;
  Builder.bytes = 4;
  one(start, at);
  Uop.set(start + 8, ops.OP_GOTO, at + 4);
  store<u16>(sideOf(start + 8), <u16>(at + 4));
  appendStubs(start, start + 16);
}
