/** Supervisor CSRs with V = 0 (privileged manual, 12.1). With V = 1 `csr-guest.ts` stands in their place. */
import { PRIV_S } from "../../bindings/abi";
import { forgetSlots } from "../mmu/contexts";
import * as base from "./csr-base";
import { hart } from "./state";

function satpAllowed(): bool {
  return !(hart.priv == PRIV_S && hart.mstatus & base.TVM);
}

/** Is this a MODE that satp, vsatp and hgatp can have? */
export function isTranslationMode(mode: u64): bool {
  return mode == 0 || (mode >= 8 && mode <= 10);
}

export function readSupervisor(csr: u32): bool {
  switch (csr) {
    case 0x100:
      return base.give(base.statusAsRead(hart.mstatus) & base.SSTATUS);
    case 0x104:
      return base.give(hart.mie & hart.mideleg & base.S_INTERRUPTS);
    case 0x105:
      return base.give(hart.stvec);
    case 0x106:
      return base.give(hart.scounteren);
    case 0x10a:
      return base.give(hart.senvcfg);
    case 0x140:
      return base.give(hart.sscratch);
    case 0x141:
      return base.give(hart.sepc);
    case 0x142:
      return base.give(hart.scause);
    case 0x143:
      return base.give(hart.stval);
    case 0x144:
      return base.give((hart.mip | hart.lines) & hart.mideleg & base.S_INTERRUPTS);
    case 0x14d:
      return base.comparatorAllowed() && base.give(hart.stimecmp);
    case 0x180:
      return satpAllowed() && base.give(hart.satp);
    default:
      return false;
  }
}

/** Writes what `mask` allows of mstatus. MPP takes no value that is not a privilege. */
export function writeStatus(value: u64, mask: u64): bool {
  let writable = mask;
  if (((value >> 11) & 3) == 2) writable &= ~((<u64>3) << 11);
  hart.mstatus = (hart.mstatus & ~writable) | (value & writable);
  return base.redirected();
}

function writeSatp(value: u64): bool {
  if (!satpAllowed()) return false;
  if (!isTranslationMode(value >> 60)) return true;
  hart.satp = value;
  forgetSlots();
  return base.redirected();
}

export function writeSupervisor(csr: u32, value: u64): bool {
  switch (csr) {
    case 0x100:
      return writeStatus(value, base.SSTATUS_WRITABLE);
    case 0x104:
      return base.writeInterruptEnable(value, hart.mideleg & base.S_INTERRUPTS);
    case 0x105:
      if ((value & 3) < 2) hart.stvec = value;
      return true;
    case 0x106:
      hart.scounteren = <u32>value;
      return true;
    case 0x10a:
      hart.senvcfg = base.envcfg(hart.senvcfg, value, base.ENVCFG);
      return true;
    case 0x140:
      hart.sscratch = value;
      return true;
    case 0x141:
      hart.sepc = value & ~1;
      return true;
    case 0x142:
      hart.scause = value;
      return true;
    case 0x143:
      hart.stval = value;
      return true;
    case 0x144:
      return base.writeInterruptPending(value, base.writableSip());
    case 0x14d:
      return base.comparatorAllowed() && base.writeComparator(value, false);
    default:
      return csr == 0x180 && writeSatp(value);
  }
}
