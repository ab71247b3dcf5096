/**
 * Zicbom and Zicboz: CBO.INVAL, CLEAN, FLUSH, ZERO on blocks of 64 bytes. There are no caches to manage,
 * so the first three only check that they are allowed.
 */
import { PRIV_M, PRIV_U } from "../../bindings/abi";
import { rdOf, rs1Of } from "../isa/fields";
import { Access, hostOf, mayTouch } from "../mmu/access";
import { ACCESS_STORE } from "../mmu/pmp";
import { accessFault } from "../mmu/walk";
import { getX, hart, hyp, NEXT } from "./state";
import { raise } from "./traps";

const ILLEGAL: u64 = 2;
const VIRTUAL: u64 = 22;
const BLOCK: u64 = 64;
const INVAL: u32 = 0;
const FLUSH: u32 = 2;
const ZERO: u32 = 4;
/** Switches in menvcfg, henvcfg and senvcfg. */
const CBIE: u64 = 0x30;
const CBCFE: u64 = 0x40;
const CBZE: u64 = 0x80;

/** The exception that an operation with this switch is from here; 0: it may run. */
function refused(enable: u64): u64 {
  if (hart.priv == PRIV_M) return 0;
  if (!(hart.menvcfg & enable)) return ILLEGAL;
  const byUser = hart.priv == PRIV_U && !(hart.senvcfg & enable);
  if (!hart.virt) return byUser ? ILLEGAL : 0;
  return byUser || !(hyp.henvcfg & enable) ? VIRTUAL : 0;
}

function zero(gva: u64): i32 {
  const host = hostOf(gva & ~(BLOCK - 1), BLOCK, ACCESS_STORE);
  if (!host) return Access.status ? Access.status : raise(accessFault(ACCESS_STORE), gva);
  // Stores, as memory.fill is a call of the engine.
  for (let at = host; at < host + <usize>BLOCK; at += 8) store<u64>(at, 0);
  return NEXT;
}

/** May CBO.ZERO be used from here? */
export function mayZero(): bool {
  return !refused(CBZE);
}

/** The operation `raw` at `hart.pc`. */
export function cacheBlock(raw: u32): i32 {
  const operation = raw >> 20;
  const isKnown = operation <= FLUSH || operation == ZERO;
  if (!isKnown || rdOf(raw)) return raise(ILLEGAL, raw);
  const enable = operation == INVAL ? CBIE : operation == ZERO ? CBZE : CBCFE;
  const cause = refused(enable);
  if (cause) return raise(cause, raw);
  const gva = getX(rs1Of(raw));
  return operation == ZERO ? zero(gva) : mayTouch(gva & ~(BLOCK - 1), BLOCK);
}
