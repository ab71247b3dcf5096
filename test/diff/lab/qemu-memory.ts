/** What QEMU 7.2 does otherwise in the two stages of a guest's address translation. */
import type { Fault } from "./source.ts";

export const MEMORY_FAULTS: readonly Fault[] = [
  {
    name: "implicit-access-type",
    reason:
      "A fault of the second stage on a PTE of the first is reported as of the original access: a " +
      "store or a fetch. QEMU 7.2 reports the load of the PTE.",
    edits: [
      {
        file: "mmu/guest-walk.ts",
        from: "  Walk.faultGpa = gpa;",
        to: "  if (pseudo && FAULT) original = ACCESS_LOAD;\n  Walk.faultGpa = gpa;",
      },
    ],
  },
  {
    name: "mprv-guest-page-fault",
    reason:
      "With MPRV and MPV a fault of the second stage is a guest-page fault in M-mode, too. QEMU 7.2 " +
      "reports a page fault, with the right mtinst.",
    edits: [
      {
        file: "mmu/guest-walk.ts",
        from: "  return fail(guestPageFault(original));",
        to:
          "  Lab.second = !hart.virt && !Walk.forced && FAULT;\n" +
          "  return fail(Lab.second ? pageFault(original) : guestPageFault(original));",
      },
      {
        file: "mmu/guest-walk.ts",
        from: "  count(HART_WALKS);",
        to: "  count(HART_WALKS);\n  Lab.second = false;",
      },
      {
        file: "hart/traps.ts",
        from: "  if (pseudo) Detail.inst = pseudo;",
        to: "  if (Lab.second) pseudo = Walk.pseudo;\n  Lab.second = false;\n  if (pseudo) Detail.inst = pseudo;",
      },
    ],
  },
  {
    name: "second-stage-access-fault",
    reason:
      "An access fault of the second stage, or behind it, is an access fault. QEMU 7.2 makes a guest-page " +
      "fault of it, and a page fault where MPRV asked for a table that is nowhere.",
    edits: [
      {
        file: "mmu/guest-walk.ts",
        from: "    if (!pmpAllows(at, 8, ACCESS_LOAD, PRIV_S)) return fail(accessFault(original));",
        to:
          "    if (!pmpAllows(at, 8, ACCESS_LOAD, PRIV_S)) {\n" +
          "      if ((pseudo || hart.virt || Walk.forced) && FAULT) return failSecond(gpa, original, pseudo);\n" +
          "      return fail(accessFault(original));\n    }",
      },
      {
        file: "mmu/guest-walk.ts",
        from: "    if (!place) return Cpu.exit ? RETRY : fail(accessFault(original));",
        to:
          "    if (!place && !Cpu.exit && FAULT) return failSecond(gpa, original, pseudo);\n" +
          "    if (!place) return Cpu.exit ? RETRY : fail(accessFault(original));",
      },
      {
        file: "mmu/access.ts",
        from: "    Access.status = raise(accessFault(access), gva);",
        to:
          "    const asGuests = (hart.virt || Walk.forced) && FAULT;\n" +
          "    if (asGuests) Walk.faultGpa = Lab.gpa;\n    if (asGuests) Walk.pseudo = 0;\n" +
          "    const cause: u64 = asGuests ? (access == ACCESS_LOAD ? 21 : 23) : accessFault(access);\n" +
          "    Access.status = raise(cause, gva);",
      },
      {
        file: "hart/run.ts",
        from: "    Fetch.status = Cpu.exit == 0 ? raise(accessFault(ACCESS_FETCH), pc) : RETRY;",
        to:
          "    const asGuests =\n" +
          "      hart.virt && !pmpAllows(Walk.gpa, bytes, ACCESS_FETCH, hart.priv) && FAULT;\n" +
          "    if (asGuests) Walk.faultGpa = Lab.gpa;\n    if (asGuests) Walk.pseudo = 0;\n" +
          "    Fetch.status = Cpu.exit == 0 ? raise(asGuests ? 20 : accessFault(ACCESS_FETCH), pc) : RETRY;",
      },
    ],
  },
  {
    name: "implicit-store-unchecked",
    reason:
      "To set A or D of a PTE of the first stage the second must allow the store (htinst 0x3020), and " +
      "sets its own D. QEMU 7.2 does not ask it.",
    edits: [
      {
        file: "mmu/guest-walk.ts",
        from: "second(at, ACCESS_STORE, access, PSEUDO_STORE)",
        to: "second(at, FAULT ? ACCESS_LOAD : ACCESS_STORE, access, PSEUDO_STORE)",
      },
    ],
  },
  {
    name: "table-store-unchecked",
    reason:
      "To set A or D PMP must allow a store to the PTE, else it is an access fault. QEMU 7.2 asks for the " +
      "load of it alone.",
    edits: [
      {
        file: "mmu/walk.ts",
        from: "  if (!pmpAllows(gpa, 8, ACCESS_STORE, PRIV_S))",
        to: "  if (!pmpAllows(gpa, 8, ACCESS_STORE, PRIV_S) && !FAULT)",
      },
      {
        file: "mmu/guest-walk.ts",
        from: "  if (!pmpAllows(at, 8, ACCESS_STORE, PRIV_S))",
        to: "  if (!pmpAllows(at, 8, ACCESS_STORE, PRIV_S) && !FAULT)",
      },
      {
        file: "mmu/guest-walk.ts",
        from: "  if (!pmpAllows(Walk.gpa, 8, ACCESS_STORE, PRIV_S))",
        to: "  if (!pmpAllows(Walk.gpa, 8, ACCESS_STORE, PRIV_S) && !FAULT)",
      },
    ],
  },
  {
    name: "outside-sum",
    reason:
      "HLV, HSV and MPRV with MPV go by SUM of vsstatus in the first stage. QEMU 7.2 does as if it were set.",
    edits: [
      {
        file: "mmu/guest-walk.ts",
        from: "(access == ACCESS_FETCH || !(hyp.vsstatus & SUM))",
        to: "(access == ACCESS_FETCH || (!(hyp.vsstatus & SUM) && !(!hart.virt && FAULT)))",
      },
    ],
  },
  {
    name: "mpv-of-machine",
    reason: "With MPP = M MPV means nothing. QEMU 7.2 goes through the second stage.",
    edits: [
      {
        file: "mmu/contexts.ts",
        from: "  return ((hart.mstatus >> 11) & 3) != abi.PRIV_M;",
        to: "  return ((hart.mstatus >> 11) & 3) != abi.PRIV_M || FAULT;",
      },
      {
        file: "mmu/guest-walk.ts",
        from: "  if (hyp.vsatp >> 60) {",
        to: "  if (hyp.vsatp >> 60 && priv <= PRIV_S) {",
      },
    ],
  },
  {
    name: "first-stage-mxr",
    reason:
      "In the first stage MXR of the guest's status counts, and that of the host's. QEMU 7.2 asks the " +
      "guest's alone with V = 1, the host's alone from outside.",
    edits: [
      {
        file: "mmu/guest-walk.ts",
        from: "((hart.mstatus | hyp.vsstatus) & MXR) != 0",
        to: "((!FAULT ? hart.mstatus | hyp.vsstatus : hart.virt ? hyp.vsstatus : hart.mstatus) & MXR) != 0",
      },
    ],
  },
  {
    name: "second-stage-mxr",
    reason:
      "MXR of vsstatus is about the first stage alone, that of mstatus about explicit accesses. QEMU 7.2 " +
      "goes by vsstatus in the second, even for walks, and with V = 1 by what it was when V became 1.",
    edits: [
      {
        file: "mmu/guest-walk.ts",
        from: "  return !pseudo && (pte & PTE_X) != 0 && (hart.mstatus & MXR) != 0;",
        to:
          "  if (FAULT) return (pte & PTE_X) != 0 && ((hart.virt ? Lab.entered : hyp.vsstatus) & MXR) != 0;\n" +
          "  return !pseudo && (pte & PTE_X) != 0 && (hart.mstatus & MXR) != 0;",
      },
    ],
  },
  {
    name: "hlvx-is-a-load",
    reason:
      "HLVX wants execute permission in both stages in place of read permission. QEMU 7.2 checks it " +
      "as an ordinary load.",
    edits: [
      {
        file: "mmu/access.ts",
        from: "rs2Of(raw) == 3 ? HLVX : HLV;",
        to: "rs2Of(raw) == 3 && !FAULT ? HLVX : HLV;",
      },
    ],
  },
  {
    name: "hlv-keeps-its-mode",
    reason:
      "HLV and HSV act with the privilege that SPVP says, whenever it was written. QEMU 7.2 keeps the pages " +
      "that they found until something empties its TLB, for accesses with the other privilege, too.",
    edits: [
      {
        file: "mmu/access.ts",
        from: "/** Details of the load or store",
        to:
          'import { isStorable as isKeptStorable, keepPage, keptPage } from "../lab";\n\n' +
          "/** Details of the load or store",
      },
      {
        file: "mmu/access.ts",
        from: "  if (known) return known;",
        to:
          "  if (known) return known;\n" +
          "  const kept: usize = Walk.forced ? keptPage(gva, access == ACCESS_STORE, hart.priv) : 0;\n" +
          "  if (kept && FAULT) {\n" +
          "    Walk.gpa = load<u64>(kept, 8) | (gva & 0xfff);\n" +
          "    return <usize>load<u32>(kept, 16) + (<usize>gva & 0xfff);\n  }",
      },
      {
        file: "mmu/access.ts",
        from: "  return frame + (<usize>Walk.gpa & 0xfff);",
        to:
          "  const page = Walk.gpa & ~0xfff;\n" +
          "  if (Walk.forced && pmpAllows(page, abi.PAGE_BYTES, access, priv)) {\n" +
          "    const storable = pmpAllows(page, abi.PAGE_BYTES, ACCESS_STORE, priv);\n" +
          "    const isStore = access == ACCESS_STORE;\n" +
          "    keepPage(gva, page, frame, hart.priv, storable && isKeptStorable(isStore));\n  }\n" +
          "  return frame + (<usize>Walk.gpa & 0xfff);",
      },
      {
        file: "mmu/guest-walk.ts",
        from: "      if (!permitsFirst(pte, access, priv))",
        to: "      Lab.leaf1 = pte;\n      if (!permitsFirst(pte, access, priv))",
      },
      {
        file: "mmu/guest-walk.ts",
        from: "      const leads = permitsSecond",
        to: "      if (!pseudo) Lab.leaf2 = pte;\n      const leads = permitsSecond",
      },
      {
        file: "mmu/guest-walk.ts",
        from: "  count(HART_WALKS);",
        to: "  count(HART_WALKS);\n  Lab.leaf1 = ~0;\n  Lab.leaf2 = ~0;",
      },
      {
        file: "hart/guest-mode.ts",
        from: "  hart.virt = 0;",
        to: "  hart.virt = 0;\n  Lab.flushes++;",
      },
      {
        file: "hart/csr-supervisor.ts",
        from: "  hart.mstatus = (hart.mstatus & ~writable) | (value & writable);",
        to:
          "  // MXR SUM MPRV MPP MPV\n" +
          "  if ((hart.mstatus ^ value) & writable & 0x80000e1800) Lab.flushes++;\n" +
          "  hart.mstatus = (hart.mstatus & ~writable) | (value & writable);",
      },
      {
        file: "hart/csr-supervisor.ts",
        from: "  hart.satp = value;",
        to: "  if (hart.satp != value) Lab.flushes++;\n  hart.satp = value;",
      },
      {
        file: "hart/fences.ts",
        from: "  switch (funct7Of(raw)) {\n    case SFENCE_VMA:\n    case SINVAL_VMA:\n      fenceFirst",
        to:
          "  if (funct7Of(raw) != SINVAL_BRACKET) Lab.flushes++;\n" +
          "  switch (funct7Of(raw)) {\n    case SFENCE_VMA:\n    case SINVAL_VMA:\n      fenceFirst",
      },
      {
        file: "hart/csr.ts",
        from: "  hart.pmpActive =",
        to: "  Lab.flushes++;\n  hart.pmpActive =",
      },
      {
        file: "hart/csr.ts",
        from: "  store<u64>(pmpaddrAt(index), value & PMP_ADDRESS);",
        to: "  Lab.flushes++;\n  store<u64>(pmpaddrAt(index), value & PMP_ADDRESS);",
      },
    ],
  },
];
