/**
 * Counters and the Sstc timers: cycle, time, instret, and the programmable counters of Zihpm, each of
 * which counts one kind of event of `HPM_*`.
 */
import * as abi from "../../bindings/abi";
import * as host from "../host";
import { Cpu, cyclesNow, hart, hyp } from "./state";

const STCE: u64 = 1 << 63;
const NEVER: u64 = ~0;
const FIRST_HPM: u32 = 3;

/** The `time` counter of the host or of a machine without guests, in ticks. */
export function timeNow(): u64 {
  if (hart.clock == abi.CLOCK_WALL) return <u64>host.wallTicks();
  return (cyclesNow() + hart.clockSkew) / hart.cyclesPerTick;
}

/** Does Sstc give supervisors their own timer? */
export function sstcOn(): bool {
  return (hart.menvcfg & STCE) != 0;
}

/** Does it give one to guests? */
export function guestSstcOn(): bool {
  return (hart.menvcfg & hyp.henvcfg & STCE) != 0;
}

/** Sets or clears `line`: its timer is due at tick `compare` of a clock that shows `now`. */
function refreshLine(line: u32, compare: u64, now: u64): void {
  if (compare <= now) {
    hart.lines |= line;
    return;
  }
  hart.lines &= ~line;
  const left = compare - now;
  if (hart.clock == abi.CLOCK_WALL || left >> 48) return;
  const cycle = (timeNow() + left) * hart.cyclesPerTick - hart.clockSkew;
  if (cycle < Cpu.timerCycle) Cpu.timerCycle = cycle;
}

/** Brings STIP, VSTIP and the cycle at which a timer is due up to date (Sstc). */
export function refreshTimer(): void {
  Cpu.timerCycle = NEVER;
  if (!sstcOn()) {
    hart.lines &= ~(<u32>(abi.IRQ_STI | abi.IRQ_VSTI));
    return;
  }
  const now = timeNow();
  refreshLine(abi.IRQ_STI, hart.stimecmp, now);
  if (hyp.henvcfg & STCE) refreshLine(abi.IRQ_VSTI, hyp.vstimecmp, now + hyp.htimedelta);
  else hart.lines &= ~(<u32>abi.IRQ_VSTI);
}

function retired(): u64 {
  return cyclesNow() - hart.unretired + hart.instretOffset;
}

function hpmAt(table: usize, index: u32): usize {
  return <usize>abi.HART_BASE + table + ((<usize>(index - FIRST_HPM)) << 3);
}

/** How often `event` has happened on this hart. */
function happened(event: u64): u64 {
  switch (<i32>event) {
    case abi.HPM_CYCLES:
      return cyclesNow();
    case abi.HPM_INSTRUCTIONS:
      return cyclesNow() - hart.unretired;
    case abi.HPM_WALKS:
      return load<u64>(abi.HART_BASE + abi.HART_WALKS);
    case abi.HPM_TRAPS:
      return load<u64>(abi.HART_BASE + abi.HART_TRAPS);
    case abi.HPM_INTERRUPTS:
      return load<u64>(abi.HART_BASE + abi.HART_INTERRUPTS);
    default:
      return 0;
  }
}

/** The event that counter `index` (3 to 31) counts. */
export function hpmEvent(index: u32): u64 {
  return load<u64>(hpmAt(abi.HART_HPM_EVENT, index));
}

function hpmValue(index: u32): u64 {
  return happened(hpmEvent(index)) + load<u64>(hpmAt(abi.HART_HPM_OFFSET, index));
}

function setHpmValue(index: u32, value: u64): void {
  store<u64>(hpmAt(abi.HART_HPM_OFFSET, index), value - happened(hpmEvent(index)));
}

/** Selects what counter `index` counts; it keeps its value. An event that is none counts nothing. */
export function setHpmEvent(index: u32, event: u64): void {
  const value = hpmValue(index);
  store<u64>(
    hpmAt(abi.HART_HPM_EVENT, index),
    event > <u64>abi.HPM_INTERRUPTS ? <u64>abi.HPM_NOTHING : event,
  );
  setHpmValue(index, value);
}

/** Counter `index`: 0 cycle, 1 time as this privilege sees it, 2 instret, then the programmable ones. */
export function counterValue(index: u32): u64 {
  if (index == 0) return cyclesNow() + hart.cycleOffset;
  if (index == 1) return hart.virt ? timeNow() + hyp.htimedelta : timeNow();
  return index == 2 ? retired() : hpmValue(index);
}

/** Writes mcycle, minstret or a programmable counter. The write itself counts before it. */
export function setCounter(index: u32, value: u64): void {
  if (index == 0) hart.cycleOffset = value - cyclesNow() - 1;
  else if (index == 2) hart.instretOffset = value - (cyclesNow() - hart.unretired) - 1;
  else setHpmValue(index, value);
}
