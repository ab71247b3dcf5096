/** When vCPUs have something to do: which of them run in a round, and how long a vm may sleep. */
import type { Vcpu } from "./vcpu.ts";
import type { VmClock } from "./vm-clock.ts";

/** It has dirtied what it may, and waits for the next page that is granted. */
function isStalled(vcpu: Vcpu, clock: VmClock): boolean {
  return vcpu.stalledUntilTicks > clock.ticks();
}

/**
 * Virtual cycle at which `vcpu` has something to do in the round of `slice` cycles from `from` on; undefined:
 * it waits.
 */
export function startOf(
  vcpu: Vcpu,
  clock: VmClock,
  round: { readonly from: number; readonly slice: number },
): number | undefined {
  const { from, slice } = round;
  if (isStalled(vcpu, clock)) {
    const until = vcpu.stalledUntilTicks * clock.cyclesPerTick;
    return clock.mode === "virtual" && until < from + slice ? until : undefined;
  }
  if (!vcpu.isWaiting || vcpu.hasPending) return from;
  if (clock.mode === "wall") return vcpu.timerTicks <= clock.ticks() ? from : undefined;
  const due = vcpu.timerTicks * clock.cyclesPerTick;
  return due < from + slice ? Math.max(due, from) : undefined;
}

/** Tick at which one of `vcpus` has something to do by itself; Infinity: never. */
export function nextTicks(vcpus: readonly Vcpu[], clock: VmClock): number {
  let next = Number.POSITIVE_INFINITY;
  for (const vcpu of vcpus) {
    if (!vcpu.isRunnable) continue;
    next = Math.min(next, isStalled(vcpu, clock) ? vcpu.stalledUntilTicks : vcpu.timerTicks);
  }
  return next;
}

/** Nanoseconds until then; 0: one of them is ready now. */
export function sleepNs(vcpus: readonly Vcpu[], clock: VmClock): number {
  const isReady = (vcpu: Vcpu): boolean =>
    vcpu.isRunnable && vcpu.hasPending && !isStalled(vcpu, clock);
  if (vcpus.some(isReady)) return 0;
  return Math.max(0, (nextTicks(vcpus, clock) - clock.ticks()) * 100);
}
