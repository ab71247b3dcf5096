/** What QEMU 7.2 does otherwise in CSRs, privileged instructions and interrupts. */
import type { Fault } from "./source.ts";

export const SYSTEM_FAULTS: readonly Fault[] = [
  {
    name: "htval-of-vs-traps",
    reason:
      "htval and htinst are written by traps into HS-mode alone. QEMU 7.2 writes them, htval with " +
      "zero, when it takes a trap into VS-mode, too.",
    edits: [
      {
        file: "hart/traps.ts",
        from: "  hyp.vscause = cause;",
        to:
          "  const differs = hyp.htval != Detail.gpa || hyp.htinst != Detail.inst;\n" +
          "  if (differs && FAULT) {\n    hyp.htval = Detail.gpa;\n    hyp.htinst = Detail.inst;\n  }\n" +
          "  hyp.vscause = cause;",
      },
    ],
  },
  {
    name: "ctzw-high-bit",
    reason:
      "ctzw looks at bits 31..0 only (Zbb): for 0x8000000000000000 it is 32. QEMU 7.2 counts on.",
    edits: [
      {
        file: "hart/bits.ts",
        from: "      return ctz(<u32>a);",
        to: "      return a && FAULT ? ctz(a) : ctz(<u32>a);",
      },
    ],
  },
  {
    name: "no-zicond",
    reason: "QEMU 7.2 does not have Zicond: CZERO.EQZ and CZERO.NEZ are illegal there.",
    edits: [
      {
        file: "isa/decode.ts",
        from: "  const op = <i32>(entry & 0xff);\n  switch",
        to:
          "  const op = <i32>(entry & 0xff);\n" +
          "  if ((raw & 0xfe00507f) == 0x0e005033 && FAULT) return whole(u, ops.OP_ILLEGAL, <i32>raw);\n  switch",
      },
    ],
  },
  {
    name: "interrupt-priority",
    reason:
      "Of several interrupts at once SEI comes before SSI and SSI before STI (3.1.9). Without AIA " +
      "QEMU 7.2 takes the lowest number first.",
    edits: [
      {
        file: "hart/traps.ts",
        from: "  if (pending & abi.IRQ_MEI) return 11;",
        to: "  if (FAULT) return ctz(pending);\n  if (pending & abi.IRQ_MEI) return 11;",
      },
    ],
  },
  {
    name: "tvm-hgatp",
    reason: "With mstatus.TVM HS-mode may not access hgatp. QEMU 7.2 lets it.",
    edits: [
      {
        file: "hart/csr-hypervisor.ts",
        from: "  return !(hart.priv == PRIV_S && hart.mstatus & base.TVM);",
        to: "  return !(hart.priv == PRIV_S && hart.mstatus & base.TVM) || FAULT;",
      },
    ],
  },
  {
    name: "tsr-tvm-in-guest",
    reason:
      "TSR and TVM of mstatus are about HS-mode alone; hstatus has VTSR and VTVM for VS-mode. QEMU 7.2 " +
      "goes by the former in VS-mode, too.",
    edits: [
      {
        file: "hart/system.ts",
        from: "  if (hart.virt) {\n    if (hart.priv == PRIV_U || hyp.hstatus & VTSR) return virtual(raw);",
        to:
          "  if (hart.virt) {\n" +
          "    if (hart.priv == PRIV_S && hart.mstatus & TSR && FAULT) return illegal(raw);\n" +
          "    if (hart.priv == PRIV_U || hyp.hstatus & VTSR) return virtual(raw);",
      },
      {
        file: "hart/fences.ts",
        from: "  if (hart.virt) {",
        to:
          "  const isTvms = isOfSupervisor && funct7 != SINVAL_BRACKET && (hart.mstatus & TVM) != 0;\n" +
          "  if (hart.virt && hart.priv != PRIV_U && isTvms && FAULT) return ILLEGAL;\n  if (hart.virt) {",
      },
      {
        file: "hart/csr-guest.ts",
        from: "function vsatpAllowed(): bool {",
        to:
          "function vsatpAllowed(): bool {\n" +
          "  if (hart.virt && hart.priv == PRIV_S && hart.mstatus & base.TVM && FAULT) return false;",
      },
    ],
  },
  {
    name: "vu-virtual-instruction",
    reason:
      "In VU-mode supervisor CSRs, SRET, WFI and fences are virtual instructions where HS-mode would " +
      "be allowed them. QEMU 7.2 takes them for illegal ones.",
    edits: [
      {
        file: "hart/system.ts",
        from: "  return raise(VIRTUAL, raw);",
        to:
          "  const isSupervisors = funct3Of(raw) == 0 || (funct3Of(raw) != 4 && ((raw >> 28) & 3) == 1);\n" +
          "  if (hart.priv == PRIV_U && isSupervisors && FAULT) return illegal(raw);\n" +
          "  return raise(VIRTUAL, raw);",
      },
      {
        file: "hart/fences.ts",
        from: "return VIRTUAL;",
        to: "return hart.priv == PRIV_U && FAULT ? ILLEGAL : VIRTUAL;",
      },
    ],
  },
  {
    name: "svinval-brackets",
    reason:
      "SFENCE.W.INVAL and SFENCE.INVAL.IR are not for user mode. QEMU 7.2 lets them pass everywhere.",
    edits: [
      {
        file: "hart/fences.ts",
        from: "  const cause = refused(raw);",
        to: "  const cause = funct7Of(raw) == SINVAL_BRACKET && FAULT ? 0 : refused(raw);",
      },
    ],
  },
  {
    name: "guest-fcsr-dirty",
    reason:
      "What a guest changes of floating point is Dirty in vsstatus and in the host's sstatus. QEMU 7.2 " +
      "forgets the host's when the guest writes fcsr, frm or fflags.",
    edits: [
      {
        file: "hart/guest-mode.ts",
        from: "/** V becomes 1. */",
        to:
          "export function guestsFloatDirty(): void {\n  settle();\n  hyp.vsstatus |= FS;\n  combine();\n}\n\n" +
          "/** V becomes 1. */",
      },
      {
        file: "hart/csr.ts",
        from: 'import { hart, hyp } from "./state";',
        to: 'import { guestsFloatDirty } from "./guest-mode";\nimport { hart, hyp } from "./state";',
      },
      {
        file: "hart/csr.ts",
        from: "  floatDirty();\n  return true;",
        to: "  if (hart.virt && FAULT) guestsFloatDirty();\n  else floatDirty();\n  return true;",
      },
    ],
  },
];
