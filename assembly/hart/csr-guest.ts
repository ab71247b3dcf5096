/**
 * VS CSRs (privileged manual, "Virtual Supervisor Registers"): what a guest reaches with V = 1 under the
 * numbers of the supervisor's, and its host under their own. Numbers here are the VS ones.
 */
import { PRIV_S } from "../../bindings/abi";
import { forgetGuestSlot } from "../mmu/contexts";
import * as base from "./csr-base";
import { isTranslationMode } from "./csr-supervisor";
import { guestStatus, setGuestStatus } from "./guest-mode";
import { hart, hyp } from "./state";

const VTVM: u64 = 1 << 20;
/** VS interrupts are the guest's S interrupts: one bit lower. */
const DOWN: u64 = 1;

/** The interrupts that HS-mode has delegated, as bits of mip and mie. */
function delegated(): u64 {
  return hyp.hideleg & base.VS_INTERRUPTS;
}

function vsatpAllowed(): bool {
  if (hart.virt && hart.priv == PRIV_S && hyp.hstatus & VTVM) return base.refuseGuest();
  return true;
}

export function readGuest(csr: u32): bool {
  switch (csr) {
    case 0x200:
      return base.give(base.statusAsRead(guestStatus()));
    case 0x204:
      return base.give((hart.mie & delegated()) >> DOWN);
    case 0x205:
      return base.give(hyp.vstvec);
    case 0x206: // scounteren and senvcfg have no copy.
      return hart.virt ? base.give(hart.scounteren) : false;
    case 0x20a:
      return hart.virt ? base.give(hart.senvcfg) : false;
    case 0x240:
      return base.give(hyp.vsscratch);
    case 0x241:
      return base.give(hyp.vsepc);
    case 0x242:
      return base.give(hyp.vscause);
    case 0x243:
      return base.give(hyp.vstval);
    case 0x244:
      return base.give(((hart.mip | hart.lines) & delegated()) >> DOWN);
    case 0x24d:
      return base.comparatorAllowed() && base.give(hyp.vstimecmp);
    case 0x280:
      return vsatpAllowed() && base.give(hyp.vsatp);
    default:
      return false;
  }
}

function writeVsatp(value: u64): bool {
  if (!vsatpAllowed()) return false;
  if (!isTranslationMode(value >> 60)) return true;
  hyp.vsatp = value;
  forgetGuestSlot();
  return base.redirected();
}

export function writeGuest(csr: u32, value: u64): bool {
  switch (csr) {
    case 0x200:
      setGuestStatus(value & base.SSTATUS_WRITABLE);
      return base.redirected();
    case 0x204:
      return base.writeInterruptEnable(value << DOWN, delegated());
    case 0x205:
      if ((value & 3) < 2) hyp.vstvec = value;
      return true;
    case 0x206:
      hart.scounteren = <u32>value;
      return true;
    case 0x20a:
      hart.senvcfg = base.envcfg(hart.senvcfg, value, base.ENVCFG);
      return true;
    case 0x240:
      hyp.vsscratch = value;
      return true;
    case 0x241:
      hyp.vsepc = value & ~1;
      return true;
    case 0x242:
      hyp.vscause = value;
      return true;
    case 0x243:
      hyp.vstval = value;
      return true;
    case 0x244:
      return base.writeInterruptPending(value << DOWN, delegated() & base.VSSI);
    case 0x24d:
      return base.comparatorAllowed() && base.writeComparator(value, true);
    default:
      return csr == 0x280 && writeVsatp(value);
  }
}
