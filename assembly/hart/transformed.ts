/** The transformed instruction of a trap, for htinst and mtinst (privileged manual, "Transformed Instruction"). */
import { expand } from "../../build/isa-tables";
import { funct3Of, immI, immS, rs1Of } from "../isa/fields";
import { frameForLoad, Space } from "../memory/space";
import { translateGuest } from "../mmu/guest-walk";
import { ACCESS_FETCH } from "../mmu/pmp";
import { Tlb } from "../mmu/tlb";
import { translate, Walk } from "../mmu/walk";
import { getX, hart } from "./state";

/** The halfword of the instruction at `pc`, or ~0 when it can no longer be read. */
function halfAt(pc: u64): u32 {
  const entry = Tlb.fetch(pc);
  let frame: usize = load<u32>(entry, 12);
  if (load<u64>(entry) != ((pc & ~0xfff) | Tlb.fetchTag)) {
    const failed = hart.virt
      ? translateGuest(pc, ACCESS_FETCH, hart.priv)
      : translate(pc, ACCESS_FETCH, hart.priv);
    frame = failed ? 0 : frameForLoad(hart.space, Space.indexOf(Walk.gpa));
  }
  return frame ? <u32>load<u16>(frame + (<usize>pc & 0xffe)) : ~0;
}

/** The instruction at pc in its 32-bit form, bit 1 clear if it was compressed; 0: not to be had. */
function instruction(): u32 {
  const low = halfAt(hart.pc);
  if (low == ~0) return 0;
  if ((low & 3) != 3) return expand(low) & ~2;
  const high = halfAt(hart.pc + 2);
  return high == ~0 ? 0 : low | (high << 16);
}

/** Fields of a load, and of a store, that stay: all but the address. */
const LOAD_FIELDS: u32 = 0x7fff;
const STORE_FIELDS: u32 = 0x1f0707f;
const ALL_BUT_RS1: u32 = 0xfff07fff;

/**
 * The instruction at pc, a load, store, AMO or HLV or HSV that trapped at `address`: with the distance
 * from the address that it named in place of rs1.
 */
export function transformed(address: u64): u64 {
  const raw = instruction();
  const base = getX(rs1Of(raw));
  let fields: u32 = 0;
  let named = base;
  switch (raw & 0x7d) {
    case 0x01: // LOAD, with F and D
    case 0x05:
      fields = raw & LOAD_FIELDS;
      named += <u64>(<i64>immI(raw));
      break;
    case 0x21: // STORE, likewise
    case 0x25:
      fields = raw & STORE_FIELDS;
      named += <u64>(<i64>immS(raw));
      break;
    case 0x2d: // AMO
      fields = raw & ALL_BUT_RS1;
      break;
    case 0x71: // HLV and HSV
      if (funct3Of(raw) == 4) fields = raw & ALL_BUT_RS1;
      break;
    case 0x0d: // CBO
      fields = raw & ALL_BUT_RS1;
      break;
    default:
      break;
  }
  return fields ? <u64>(fields | ((<u32>(address - named) & 31) << 15)) : 0;
}
