/**
 * Finds loops by what they do to a switch without spanning tree: stations seem to move to and fro, faster than any
 * that moves. The port at which they come too often is shut for a while. How often that is is a matter of chance, so
 * that of two switches with two links between them one shuts a link before the other shuts the other.
 */
import type { Random } from "../base/random.ts";

const FLAPS_MIN = 50;
const FLAPS_SPREAD = 100;
const WINDOW_NS = 1e9;
const SHUT_NS = 10e9;
const SHUT_NS_MAX = 320e9;
/** A port that was good for so long is shut for the shortest time again. */
const GOOD_NS = 60e9;

interface Watch {
  flaps: number;
  flapsMax: number;
  sinceNs: number;
  shutUntilNs: number;
  shutNs: number;
}

export class LoopGuard<Port> {
  readonly #random: Random;
  readonly #ports = new Map<Port, Watch>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** A station that moved a moment ago has moved to `port`. True: that is a loop, and the port is shut from now on. */
  flapped(port: Port, nowNs: number): boolean {
    const watch = this.#ports.get(port) ?? this.#watch(port, nowNs);
    if (nowNs - watch.sinceNs > WINDOW_NS) {
      watch.sinceNs = nowNs;
      watch.flaps = 0;
    }
    if (++watch.flaps < watch.flapsMax) return false;
    const isBadAgain = watch.shutUntilNs > 0 && nowNs - watch.shutUntilNs < GOOD_NS;
    watch.shutNs = isBadAgain ? Math.min(SHUT_NS_MAX, watch.shutNs * 2) : SHUT_NS;
    watch.shutUntilNs = nowNs + watch.shutNs;
    watch.flaps = 0;
    watch.flapsMax = FLAPS_MIN + this.#random.below(FLAPS_SPREAD);
    return true;
  }

  isShut(port: Port, nowNs: number): boolean {
    if (this.#ports.size === 0) return false;
    return nowNs < (this.#ports.get(port)?.shutUntilNs ?? 0);
  }

  drop(port: Port): void {
    this.#ports.delete(port);
  }

  #watch(port: Port, nowNs: number): Watch {
    const flapsMax = FLAPS_MIN + this.#random.below(FLAPS_SPREAD);
    const watch = { flaps: 0, flapsMax, sinceNs: nowNs, shutUntilNs: 0, shutNs: SHUT_NS };
    this.#ports.set(port, watch);
    return watch;
  }
}
