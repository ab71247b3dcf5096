/**
 * Page tables of the last level that walks have found: 2 MiB of addresses each. Their pointers may be kept
 * until a fence (privileged manual, 12.2.1); an entry says which one it was made under. Only where
 * PMP has no say, which leaves the walk nothing to check on the way down.
 *
 *   +0  u64  gva >> 21
 *   +8  u64  satp
 *   +16 u64  gpa of the table
 *   +24 u32  its frame
 *   +28 u32  count of fences
 *   +32 u32  address space
 */
import { FIRMWARE_VMM } from "../../bindings/abi";
import { hart } from "../hart/state";
import { Tlb } from "./tlb";

const ENTRIES: usize = 64;
const ENTRY_BYTES: usize = 40;
const BASE: usize = memory.data(64 * 40);

export abstract class Tables {
  static readonly GPA: usize = 16;
  static readonly FRAME: usize = 24;

  @inline static at(gva: u64): usize {
    return BASE + (<usize>(gva >> 21) & (ENTRIES - 1)) * ENTRY_BYTES;
  }

  /** The entry for `gva`, or 0. */
  @inline static find(gva: u64): usize {
    const at = Tables.at(gva);
    const isTrue =
      load<u64>(at) == gva >> 21 &&
      load<u64>(at, 8) == hart.satp &&
      load<u32>(at, 28) == Tlb.fences &&
      load<u32>(at, 32) == hart.space;
    return isTrue ? at : 0;
  }

  static add(gva: u64, gpa: u64, frame: usize): void {
    if (hart.firmware != FIRMWARE_VMM) return;
    const at = Tables.at(gva);
    store<u64>(at, gva >> 21);
    store<u64>(at, hart.satp, 8);
    store<u64>(at, gpa, 16);
    store<u32>(at, <u32>frame, 24);
    store<u32>(at, Tlb.fences, 28);
    store<u32>(at, hart.space, 32);
  }
}
