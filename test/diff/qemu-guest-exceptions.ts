/** Where QEMU 7.2 departs from the manual in the H extension and Svinval; see `qemu-exceptions.ts`. */
import { MAX_TRAPS, SLOT_MPRV, SLOT_VS } from "./layout.ts";
import {
  DIRTY,
  differsInTraps,
  firstInstructions,
  firstTraps,
  type QemuException,
} from "./qemu-differences.ts";

const GVA = 1n << 38n;
const MXR = 1n << 19n;
const TVALS = ["mtval", "stval", "vstval"];

export const GUEST_EXCEPTIONS: readonly QemuException[] = [
  {
    name: "vu-virtual-instruction",
    reason:
      "In VU-mode supervisor CSRs, fences of the hypervisor and the like are virtual instructions " +
      "where HS-mode would be allowed them. QEMU 7.2 takes them for illegal ones.",
    matches: (mismatch) => {
      const [a, b] = firstTraps(mismatch);
      return a?.cause === 2n && b?.cause === 22n && a.epc === b.epc;
    },
  },
  {
    name: "hlvx-is-a-load",
    reason:
      "HLVX wants execute permission in both stages in place of read permission. QEMU 7.2 checks it " +
      "as an ordinary load.",
    matches: (mismatch) => firstInstructions(mismatch).some((name) => name.startsWith("hlvx")),
  },
  {
    name: "implicit-access-type",
    reason:
      "A fault of the second stage on a PTE of the first is reported as of the original access: a " +
      "store or a fetch. QEMU 7.2 reports the load of the PTE.",
    matches: (mismatch) => {
      const [a, b] = firstTraps(mismatch);
      return a?.cause === 21n && b !== undefined && a.epc === b.epc && a.tval2 === b.tval2;
    },
  },
  {
    name: "svinval-brackets",
    reason:
      "SFENCE.W.INVAL and SFENCE.INVAL.IR are not for user mode. QEMU 7.2 lets them pass everywhere.",
    matches: (mismatch) =>
      firstInstructions(mismatch).some((name) => /^sfence\.(w\.inval|inval\.ir)/.test(name)),
  },
  {
    name: "guest-fcsr-dirty",
    reason:
      "What a guest changes of floating point is Dirty in vsstatus and in the host's sstatus. QEMU 7.2 " +
      "forgets the host's when the guest writes fcsr, frm or fflags.",
    matches: (mismatch) => {
      if (mismatch.program.flavour !== "guest") return false;
      const [a, b] = firstTraps(mismatch);
      if (a && b) return a.epc === b.epc && ((a.status | DIRTY) & ~GVA) === (b.status & ~GVA);
      return mismatch.differences.every(({ field, left, right }) =>
        /status$/.test(field) ? (BigInt(left) | DIRTY) === BigInt(right) : /^x/.test(field),
      );
    },
  },
  {
    name: "mprv-guest-page-fault",
    reason:
      "With MPRV and MPV a fault of the second stage is a guest-page fault in M-mode, too. QEMU 7.2 " +
      "reports a page fault, with the right mtval2.",
    matches: (mismatch) => {
      const [a, b] = firstTraps(mismatch);
      if (!a || !b || a.epc !== b.epc || a.tval2 !== b.tval2) return false;
      return b.cause - a.cause === 8n && (b.cause === 21n || b.cause === 23n);
    },
  },
  {
    name: "outside-sum",
    reason:
      "HLV, HSV and MPRV with MPV go by SUM and MXR of vsstatus in the first stage. QEMU 7.2 takes " +
      "those of mstatus, and minds MPV even if MPP is M.",
    matches: (mismatch) => {
      const isOutside = firstTraps(mismatch).some(
        (trap) => trap && (trap.slot & BigInt(SLOT_MPRV)) !== 0n,
      );
      if (mismatch.program.flavour !== "guest") return false;
      return isOutside || firstInstructions(mismatch).some((name) => /^h[ls]v/.test(name));
    },
  },
  {
    name: "host-mxr",
    reason:
      "MXR of the host's sstatus makes execute-only pages of both stages readable while V is 1. QEMU 7.2 " +
      "asks the guest's alone in the first.",
    matches: (mismatch) => {
      const [a, b] = firstTraps(mismatch);
      const isHosts = a !== undefined && (a.slot & BigInt(SLOT_VS)) === 0n;
      const isRead = a?.cause === 13n || a?.cause === 21n;
      return isHosts && isRead && (a.status & MXR) !== 0n && a.epc !== b?.epc;
    },
  },
  {
    name: "tvm-hgatp",
    reason: "With mstatus.TVM HS-mode may not access hgatp. QEMU 7.2 lets it.",
    matches: (mismatch) => {
      const [, b] = firstTraps(mismatch);
      return b?.cause === 2n && (b.tval & 0x7fn) === 0x73n && b.tval >> 20n === 0x680n;
    },
  },
  {
    name: "implicit-store-unchecked",
    reason:
      "To set A or D of a PTE of the first stage the second must allow the store (htinst 0x3020). " +
      "QEMU 7.2 does not ask it.",
    matches: (mismatch) =>
      firstTraps(mismatch).some((trap) => trap?.tinst === 0x3020n) ||
      mismatch.differences.every(({ field }) => field.startsWith("guest table")), // its D
  },
  {
    name: "second-stage-access-fault",
    reason:
      "An access fault of the second stage, or behind it, is an access fault. QEMU 7.2 makes a guest-page " +
      "fault of it.",
    matches: (mismatch) => {
      const [a, b] = firstTraps(mismatch);
      if (!a || !b || a.epc !== b.epc) return false;
      return [20n, 21n, 23n].includes(a.cause) && [1n, 5n, 7n].includes(b.cause);
    },
  },
  {
    name: "mxr-second-stage",
    reason:
      "MXR of vsstatus is about the first stage alone, and that of mstatus about explicit accesses. QEMU " +
      "7.2 lets either make an execute-only page of the second stage readable, even for walks.",
    matches: (mismatch) => {
      const [, b] = firstTraps(mismatch);
      const { guest } = mismatch.program;
      return b !== undefined && guest?.isExecuteOnly(b.tval2 << 2n) === true;
    },
  },
  {
    name: "tsr-tvm-in-guest",
    reason:
      "TSR and TVM of mstatus are about HS-mode alone; hstatus has VTSR and VTVM for VS-mode. QEMU 7.2 " +
      "goes by the former in VS-mode, too.",
    matches: (mismatch) => {
      const [a] = firstTraps(mismatch);
      if (a?.cause !== 2n || mismatch.program.flavour !== "guest") return false;
      const isSatp = (a.tval & 0x7fn) === 0x73n && a.tval >> 20n === 0x180n;
      const isFence = firstInstructions(mismatch).some((name) => /^s(fence|inval)\.vma/.test(name));
      return isSatp || isFence || a.tval === 0x10200073n;
    },
  },
  {
    name: "trap-after-the-last",
    reason:
      "The trap that finds the log full ends a program, and is not in it. If it is one of the above, the " +
      "program ends elsewhere.",
    matches: (mismatch) =>
      mismatch.program.flavour === "guest" &&
      mismatch.dumps.every((dump) => dump?.traps.length === MAX_TRAPS) &&
      !differsInTraps(mismatch),
  },
  {
    name: "stale-tval",
    reason:
      "HLV, HSV and Svinval that are not allowed leave an earlier instruction in tval on QEMU 7.2, " +
      "which may be read later.",
    matches: (mismatch) =>
      mismatch.program.flavour === "guest" &&
      mismatch.differences.every(({ field }) => TVALS.includes(field) || /^x\d+$/.test(field)) &&
      mismatch.program.laidOut.names.some((name) => /^(h[ls]v|[hs]inval|sfence\.)/.test(name)),
  },
];
