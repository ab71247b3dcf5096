/** A hart after reset: what is not zero. */
import * as abi from "../../bindings/abi";

const ADUE: u64 = 1 << 61;
const NEVER: u64 = ~0;

/**
 * The hart at `at`, which is zeroed otherwise. A and D are set by hardware (ADUE) until software asks for
 * faults instead, so that what knows nothing of Svade runs; no timer is set.
 */
export function resetHart(at: usize): void {
  store<u64>(at, ADUE, abi.HART_MENVCFG);
  store<u64>(at, ADUE, abi.HART_HENVCFG);
  store<u64>(at, abi.IRQ_VSSI | abi.IRQ_VSTI | abi.IRQ_VSEI, abi.HART_MIDELEG);
  store<u64>(at, NEVER, abi.HART_STIMECMP);
  store<u64>(at, NEVER, abi.HART_VSTIMECMP);
}
