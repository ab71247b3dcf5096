/** Physical memory protection (privileged manual, 3.7): 16 entries, granularity 4 bytes. */
import { FIRMWARE_NONE, HART_BASE, HART_PMPADDR, HART_PMPCFG, PRIV_M } from "../../bindings/abi";
import { hart } from "../hart/state";

export const ACCESS_LOAD: u32 = 0;
export const ACCESS_STORE: u32 = 1;
export const ACCESS_FETCH: u32 = 2;

const ENTRIES: u32 = 16;
const LOCKED: u32 = 0x80;

function configOf(index: u32): u32 {
  return load<u8>(<usize>index, HART_BASE + HART_PMPCFG);
}

function addressOf(index: u32): u64 {
  return load<u64>((<usize>index) << 3, HART_BASE + HART_PMPADDR);
}

/** First byte of entry `index`. */
function startOf(index: u32): u64 {
  const address = addressOf(index);
  const mode = (configOf(index) >> 3) & 3;
  if (mode == 1) return index ? addressOf(index - 1) << 2 : 0;
  if (mode == 2) return address << 2;
  return (address & (address + 1)) << 2; // NAPOT: trailing ones give the size
}

/** Byte behind the last one of entry `index`. */
function endOf(index: u32): u64 {
  const address = addressOf(index);
  const mode = (configOf(index) >> 3) & 3;
  if (mode == 1) return address << 2;
  if (mode == 2) return (address << 2) + 4;
  return ((address | (address + 1)) + 1) << 2;
}

function grants(config: u32, access: u32): bool {
  // R, W, X are bits 0, 1, 2, in the order of ACCESS_*.
  return ((config >> access) & 1) != 0;
}

/** May `priv` access the `bytes` bytes at `gpa`? */
export function pmpAllows(gpa: u64, bytes: u64, access: u32, priv: i32): bool {
  if (hart.firmware != FIRMWARE_NONE) return true;
  if (!hart.pmpActive) return priv == PRIV_M;
  for (let i: u32 = 0; i < ENTRIES; i++) {
    const config = configOf(i);
    if (!(config & 0x18)) continue;
    const start = startOf(i);
    const end = endOf(i);
    if (end <= start || gpa + bytes <= start || gpa >= end) continue;
    if (gpa < start || gpa + bytes > end) return false;
    if (priv == PRIV_M && !(config & LOCKED)) return true;
    return grants(config, access);
  }
  return priv == PRIV_M;
}
