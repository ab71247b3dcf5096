/** CSR instructions as WebAssembly: calls of the core, for the CSRs that kernels use all the time. */
import { HART_BASE, HART_X, JIT_BASE, JIT_TAG } from "../../bindings/abi";
import { funct3Of, rs1Of } from "../isa/fields";
import { OP_SYSTEM } from "../isa/ops";
import { Uop } from "../isa/uop";
import { CSR, callee } from "./calls";
import { close, exit, exitIf, Labels, openIf } from "./labels";
import { getX, LEFT, SLOT, setX, TAG } from "./locals";
import * as wasm from "./opcodes";
import { rdOfUop, rs1OfUop } from "./operands";
import { access, byte, const32, const64, get, set, tee } from "./out";

const IMMEDIATE: u32 = 4;

/** sstatus, sie; sscratch, sepc, scause, stval, sip; cycle, time, instret. */
function isFrequent(csr: u32): bool {
  return (
    csr == 0x100 || csr == 0x104 || (csr >= 0x140 && csr <= 0x144) || (csr >= 0xc00 && csr <= 0xc02)
  );
}

/** Is the operation at `u` a CSR instruction that can be translated? */
export function isCsr(u: usize): bool {
  if (Uop.op(u) != OP_SYSTEM) return false;
  const raw = Uop.raw(u);
  return (raw & 0x7f) == 0x73 && (funct3Of(raw) & 3) != 0 && isFrequent(raw >> 20);
}

/** Data accesses may be tagged differently from now on. */
export function loadTag(): void {
  const32(0);
  access(wasm.I64_LOAD, 3, JIT_BASE + JIT_TAG);
  set(TAG);
}

function loadResult(u: usize): void {
  if (!rdOfUop(u)) return;
  const32(0);
  access(wasm.I64_LOAD, 3, HART_BASE + HART_X + (rdOfUop(u) << 3));
  setX(rdOfUop(u));
}

/**
 * The CSR instruction at `u`, with `undone` instructions of its block from it on. Exits through `site` if it is
 * the interpreter's, through `behind` if something has to be looked at.
 */
export function csr(u: usize, undone: i32, site: i32, behind: i32): void {
  const raw = Uop.raw(u);
  if (funct3Of(raw) & IMMEDIATE) const64(rs1Of(raw));
  else getX(rs1OfUop(u));
  const32(<i32>raw);
  get(LEFT);
  const32((undone - Labels.pending) << 3);
  byte(wasm.I32_ADD);
  byte(wasm.CALL);
  callee(CSR);
  tee(SLOT);
  openIf();
  get(SLOT);
  const32(1);
  byte(wasm.I32_EQ);
  exitIf(site);
  loadResult(u);
  exit(behind);
  close();
  loadResult(u);
  loadTag();
}
