/** Faults that nobody has: deliberately broken behaviour of the H extension. The tests must find each. */
import type { Fault } from "./source.ts";

const fault = (name: string, file: string, from: string, to: string): Fault => ({
  name,
  reason: "A test of the tests.",
  edits: [{ file, from, to }],
});

/** In the walks: permissions, A and D, what a fault leaves behind. */
const WALKS: readonly Fault[] = [
  fault(
    "guests-sum-ignored",
    "mmu/guest-walk.ts",
    "  if (pte & PTE_U) {\n    if (priv",
    "  if (pte & PTE_U) {\n    if (hart.virt && access != ACCESS_FETCH && FAULT) {\n    } else if (priv",
  ),
  fault(
    "user-may-read-supervisors",
    "mmu/guest-walk.ts",
    "  } else if (priv == PRIV_U) return false;",
    "  } else if (priv == PRIV_U && !(access == ACCESS_LOAD && FAULT)) return false;",
  ),
  fault(
    "second-stage-without-u",
    "mmu/guest-walk.ts",
    "  if (!(pte & PTE_U)) return false;",
    "  if (!(pte & PTE_U) && !FAULT) return false;",
  ),
  fault(
    "second-stage-may-store",
    "mmu/guest-walk.ts",
    "  if (access == ACCESS_STORE) return (pte & PTE_W) != 0;\n  if (!pseudo",
    "  if (access == ACCESS_STORE) return (pte & PTE_W) != 0 || FAULT;\n  if (!pseudo",
  ),
  fault(
    "second-stage-without-d",
    "mmu/guest-walk.ts",
    "      const missing = missingBits(pte, access);\n      if (leads",
    "      let missing = missingBits(pte, access);\n      if (FAULT) missing &= 64;\n      if (leads",
  ),
  fault(
    "first-stage-without-a",
    "mmu/guest-walk.ts",
    "  const missing = missingBits(pte, access);\n  if (!missing) return 0;\n  if (!(guestEnvcfg()",
    "  let missing = missingBits(pte, access);\n  if (FAULT) missing &= ~64;\n  if (!missing) return 0;\n  if (!(guestEnvcfg()",
  ),
  fault(
    "root-of-one-page",
    "mmu/guest-walk.ts",
    "  if (gpa >> (PAGE_SHIFT + 9 * depth + 2)) return",
    "  if (gpa >> (PAGE_SHIFT + 9 * depth + 2) && !FAULT) return",
  ),
  fault(
    "no-pseudo-instruction",
    "hart/traps.ts",
    "    pseudo = Walk.pseudo;\n  }",
    "    pseudo = FAULT ? 0 : Walk.pseudo;\n  }",
  ),
  fault(
    "address-in-place-of-frame",
    "hart/traps.ts",
    "Walk.faultGpa >> 2;",
    "Walk.faultGpa >> (FAULT ? 0 : 2);",
  ),
  fault(
    "fault-of-the-page-not-the-byte",
    "mmu/guest-walk.ts",
    "  Walk.pseudo = pseudo;",
    "  Walk.pseudo = pseudo;\n  if (FAULT) Walk.faultGpa &= ~0xfff;",
  ),
];

/** In what is remembered of translations. */
const MEMORIES: readonly Fault[] = [
  fault(
    "hfence-vvma-does-nothing",
    "hart/fences.ts",
    "      fenceFirst(raw, true);",
    "      if (!FAULT) fenceFirst(raw, true);",
  ),
  fault(
    "sfence-fences-the-host",
    "hart/fences.ts",
    "      fenceFirst(raw, hart.virt != 0);",
    "      fenceFirst(raw, hart.virt != 0 && !FAULT);",
  ),
  fault(
    "hfence-gvma-does-nothing",
    "hart/fences.ts",
    "      fenceSecond(raw);",
    "      if (!FAULT) fenceSecond(raw);",
  ),
  fault(
    "tags-without-privilege",
    "mmu/contexts.ts",
    "(guestSlot() << 3) | modeOf(priv, sum)",
    "(guestSlot() << 3) | modeOf(priv == abi.PRIV_U && FAULT ? abi.PRIV_S : priv, sum)",
  ),
  fault(
    "tags-without-sum",
    "mmu/contexts.ts",
    "function guestTag(priv: i32, sum: bool, mxr: bool): u64 {",
    "function guestTag(priv: i32, sum: bool, mxr: bool): u64 {\n  if (FAULT) sum = false;",
  ),
  fault(
    "loads-fill-stores",
    "mmu/access.ts",
    "  if (dataIsGuests() || !isStorable(priv)) return false;",
    "  if ((dataIsGuests() && !FAULT) || (!dataIsGuests() && !isStorable(priv))) return false;",
  ),
];

/** In traps, and in what is trapped. */
const TRAPS: readonly Fault[] = [
  fault(
    "spvp-is-not-kept",
    "hart/traps.ts",
    "status = (status & ~SPVP) | SPV | ((<u64>hart.priv) << SPP_BIT);",
    "status = (status & ~SPVP) | SPV | ((<u64>(FAULT ? 0 : hart.priv)) << SPP_BIT);",
  ),
  fault(
    "no-gva",
    "hart/traps.ts",
    "  if (Detail.ofGuest) status |= HSTATUS_GVA;",
    "  if (Detail.ofGuest && !FAULT) status |= HSTATUS_GVA;",
  ),
  fault(
    "mpv-is-not-set",
    "hart/traps.ts",
    "  if (wasGuest) status |= MPV;",
    "  if (wasGuest && !FAULT) status |= MPV;",
  ),
  fault(
    "hedeleg-ignored",
    "hart/traps.ts",
    "    if (hart.virt && (hyp.hedeleg >> cause) & 1) enterGuestSupervisor(cause, tval);",
    "    if (hart.virt && (hyp.hedeleg >> cause) & 1 && !FAULT) enterGuestSupervisor(cause, tval);",
  ),
  fault(
    "guests-interrupts-keep-their-number",
    "hart/traps.ts",
    "(mostUrgent(forGuest) - 1)",
    "(mostUrgent(forGuest) - (FAULT ? 0 : 1))",
  ),
  fault(
    "hlv-as-the-other-mode",
    "mmu/access.ts",
    "  return <i32>(hyp.hstatus >> SPVP_BIT) & 1;",
    "  return (<i32>(hyp.hstatus >> SPVP_BIT) & 1) ^ (FAULT ? 1 : 0);",
  ),
  fault(
    "hu-ignored",
    "hart/system.ts",
    "  if (hart.priv == PRIV_U && !(hyp.hstatus & HU)) return illegal(raw);",
    "  if (hart.priv == PRIV_U && !(hyp.hstatus & HU) && !FAULT) return illegal(raw);",
  ),
  fault(
    "hcounteren-ignored",
    "hart/csr.ts",
    "  return fromUser && (hyp.hcounteren >> index) & 1 ? true : refuseGuest();",
    "  return fromUser && ((hyp.hcounteren >> index) & 1 || FAULT) ? true : refuseGuest();",
  ),
  fault(
    "vtsr-ignored",
    "hart/system.ts",
    "    if (hart.priv == PRIV_U || hyp.hstatus & VTSR) return virtual(raw);",
    "    if (hart.priv == PRIV_U || (hyp.hstatus & VTSR && !FAULT)) return virtual(raw);",
  ),
  fault(
    "float-of-the-guest-stays-clean",
    "hart/guest-mode.ts",
    "  hyp.vsstatus |= FS;\n}",
    "  if (!FAULT) hyp.vsstatus |= FS;\n}",
  ),
];

export const MUTATIONS: readonly Fault[] = [...WALKS, ...MEMORIES, ...TRAPS];
