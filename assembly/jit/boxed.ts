/**
 * Singles: an f register holds one as 64 bits, the upper half all ones (unprivileged manual, 20.2). Beside
 * the local of the register stands one of type f32 with the single itself; where it is known to be up to
 * date (`Locals.boxed`), nothing is checked or taken apart.
 */
import { exitIf } from "./labels";
import { getF, Locals, setF, singleOf, T0 } from "./locals";
import * as wasm from "./opcodes";
import { floatWrittenBy, singlesReadBy, singleWrittenBy, Used } from "./operands";
import { blockAtOrder, sidesOf, successor } from "./order";
import { byte, const64, get, tee } from "./out";
import {
  BLOCK_BOXED,
  BLOCK_COUNT,
  BLOCK_ENDS,
  BLOCK_FIRST,
  ENDS_CALL,
  ENDS_CALL_REGISTER,
  Work,
} from "./work";

const BOX: i64 = ~(<i64>0xffffffff);

export function isBoxed(register: u32): bool {
  return ((Locals.boxed >> register) & 1) != 0;
}

/** The single in `register`; exits through `site` unless it is boxed. */
export function getSingle(register: u32, site: i32): void {
  if (isBoxed(register)) return get(singleOf(register));
  getF(register);
  byte(wasm.I64_REINTERPRET_F64);
  tee(T0);
  const64(BOX);
  byte(wasm.I64_LT_U);
  exitIf(site);
  get(T0);
  byte(wasm.I32_WRAP_I64);
  byte(wasm.F32_REINTERPRET_I32);
  tee(singleOf(register));
  Locals.boxed |= (<u32>1) << register;
}

/** Takes a single from the stack. */
export function setSingle(register: u32): void {
  tee(singleOf(register));
  byte(wasm.I32_REINTERPRET_F32);
  byte(wasm.I64_EXTEND_I32_U);
  const64(BOX);
  byte(wasm.I64_OR);
  byte(wasm.F64_REINTERPRET_I64);
  setF(register);
  Locals.boxed |= (<u32>1) << register;
}

/** What is boxed behind block `id`. */
function behind(id: i32): u32 {
  let boxed = <u32>Work.get(id, BLOCK_BOXED);
  const first = Work.get(id, BLOCK_FIRST);
  const end = first + Work.get(id, BLOCK_COUNT);
  for (let i = first; i < end; i++) {
    const u = Work.uop(i);
    boxed = ((boxed | singlesReadBy(u)) & ~floatWrittenBy(u)) | singleWrittenBy(u);
  }
  const ends = Work.get(id, BLOCK_ENDS);
  return ends == ENDS_CALL || ends == ENDS_CALL_REGISTER ? 0 : boxed;
}

/** What the block of the entry reads as singles before it writes them: asked for in front of its loops. */
function wantedAtEntry(): u32 {
  const end = Work.get(0, BLOCK_COUNT);
  let wanted: u32 = 0;
  let written: u32 = 0;
  for (let i = 0; i < end; i++) {
    const u = Work.uop(Work.get(0, BLOCK_FIRST) + i);
    wanted |= singlesReadBy(u) & ~written;
    written |= floatWrittenBy(u);
  }
  return wanted;
}

/** Takes the singles that are to be at hand in block 0; exits through `site` if one is not boxed. */
export function takeSingles(site: i32): void {
  const wanted = <u32>Work.get(0, BLOCK_BOXED);
  Locals.boxed = 0;
  for (let r: u32 = 0; r < 32; r++) {
    if (!((wanted >> r) & 1)) continue;
    getSingle(r, site);
    byte(wasm.DROP);
  }
}

/** Leaves in BLOCK_BOXED of the blocks, `count` in order, what is boxed wherever they are entered from. */
export function findBoxed(count: i32): void {
  for (let i = 0; i < count; i++) Work.set(blockAtOrder(i), BLOCK_BOXED, Used.single ? -1 : 0);
  Work.set(0, BLOCK_BOXED, wantedAtEntry());
  let isChanged = Used.single != 0;
  while (isChanged) {
    isChanged = false;
    for (let i = 0; i < count; i++) if (passOn(blockAtOrder(i))) isChanged = true;
  }
}

/** Takes from the successors of block `id` what is not boxed behind it. True if there was any. */
function passOn(id: i32): bool {
  const boxed = <i32>behind(id);
  let isChanged = false;
  for (let side = 0; side < sidesOf(id); side++) {
    const to = successor(id, side);
    if (to < 0) continue;
    const before = Work.get(to, BLOCK_BOXED);
    if (!(before & ~boxed)) continue;
    Work.set(to, BLOCK_BOXED, before & boxed);
    isChanged = true;
  }
  return isChanged;
}
