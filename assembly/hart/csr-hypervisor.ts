/** Hypervisor CSRs (privileged manual, "Hypervisor and Virtual Supervisor CSRs"). GEILEN is 0. */
import { PRIV_S } from "../../bindings/abi";
import { flushAll, forgetGuestSlot } from "../mmu/contexts";
import { refreshTimer } from "./counters";
import * as base from "./csr-base";
import { isTranslationMode } from "./csr-supervisor";
import { hart, hyp } from "./state";

/** VTSR VTW VTVM HU SPVP SPV GVA; VSXL reads as 64 bits, VSBE and VGEIN as 0. */
const HSTATUS_WRITABLE: u64 = 0x7003c0;
const VSXL: u64 = (<u64>2) << 32;
/** Exceptions that a guest can handle itself: none that it causes as a guest. */
const HEDELEG_WRITABLE: u64 = 0xb1ff;
const VMID: u64 = (<u64>0x3fff) << 44;
/** The root of a second stage is 16 KiB and aligned to it. */
const ROOT_PPN: u64 = ((<u64>1) << 44) - 4;

function hgatpAllowed(): bool {
  return !(hart.priv == PRIV_S && hart.mstatus & base.TVM);
}

export function readHypervisor(csr: u32): bool {
  switch (csr) {
    case 0x600:
      return base.give(hyp.hstatus | VSXL);
    case 0x602:
      return base.give(hyp.hedeleg);
    case 0x603:
      return base.give(hyp.hideleg);
    case 0x604:
      return base.give(hart.mie & base.VS_INTERRUPTS);
    case 0x605:
      return base.give(hyp.htimedelta);
    case 0x606:
      return base.give(hyp.hcounteren);
    case 0x607: // hgeie
    case 0xe12: // hgeip
      return base.give(0);
    case 0x60a:
      return base.give(hyp.henvcfg & (hart.menvcfg | ~base.ENVCFG_MEMORY));
    case 0x643:
      return base.give(hyp.htval);
    case 0x644:
      return base.give((hart.mip | hart.lines) & base.VS_INTERRUPTS);
    case 0x645:
      return base.give(hart.mip & base.VS_INTERRUPTS);
    case 0x64a:
      return base.give(hyp.htinst);
    case 0x680:
      return hgatpAllowed() && base.give(hyp.hgatp);
    default:
      return false;
  }
}

/** A MODE that is none leaves MODE as it is. */
function writeHgatp(value: u64): bool {
  if (!hgatpAllowed()) return false;
  const mode = isTranslationMode(value >> 60) ? value >> 60 : hyp.hgatp >> 60;
  hyp.hgatp = (mode << 60) | (value & (VMID | ROOT_PPN));
  forgetGuestSlot();
  return base.redirected();
}

function writeHenvcfg(value: u64): bool {
  const mask = base.ENVCFG | (hart.menvcfg & base.ENVCFG_MEMORY);
  const before = hyp.henvcfg;
  hyp.henvcfg = base.envcfg(before, value, mask);
  // Not asked for by the manual, but no entry should outlive the rules that it was made by.
  if ((before ^ hyp.henvcfg) & base.ENVCFG_MEMORY) flushAll();
  refreshTimer();
  return base.redirected();
}

export function writeHypervisor(csr: u32, value: u64): bool {
  switch (csr) {
    case 0x600:
      hyp.hstatus = value & HSTATUS_WRITABLE;
      return true;
    case 0x602:
      hyp.hedeleg = value & HEDELEG_WRITABLE;
      return true;
    case 0x603:
      hyp.hideleg = value & base.VS_INTERRUPTS;
      return base.redirected();
    case 0x604:
      return base.writeInterruptEnable(value, base.VS_INTERRUPTS);
    case 0x605:
      hyp.htimedelta = value;
      refreshTimer();
      return base.redirected();
    case 0x606:
      hyp.hcounteren = <u32>value;
      return true;
    case 0x607:
      return true;
    case 0x60a:
      return writeHenvcfg(value);
    case 0x643:
      hyp.htval = value;
      return true;
    case 0x644:
      return base.writeInterruptPending(value, base.VSSI);
    case 0x645:
      return base.writeInterruptPending(value, base.VS_INTERRUPTS);
    case 0x64a:
      hyp.htinst = value;
      return true;
    default:
      return csr == 0x680 && writeHgatp(value);
  }
}
