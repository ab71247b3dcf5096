/** What happens in one run, drawn from its seed. */

import type { Random } from "../../../ts/base/random.ts";
import type { RemoteMigrateOptions } from "../../../ts/host/daemon/client.ts";
import type { Traffic, Trigger } from "./proxy.ts";

export const FAULTS = ["cut", "kill-source", "kill-target"] as const;
/** As in the literature; `commit` begins when the target has said that it is ready. */
export const PHASES = ["setup", "iterative copy", "stop-and-copy", "commit", "activation"] as const;
/**
 * What goes over the link, and how; a store that writes faster than pages are packed is stopped after a while. `plain`
 * is one connection, and pages as they are.
 */
export const FEATURES = {
  plain: {},
  channels: { timeout: "5s", channels: 4, identicalPages: "by-hash" },
  deflate: { timeout: "5s", compression: "deflate" },
  xbzrle: { timeout: "5s", xbzrleCache: "16MiB", channels: 2 },
  checkpoints: { timeout: "5s", checkpoint: "150ms", channels: 2 },
  all: {
    timeout: "5s",
    channels: 3,
    compression: "deflate",
    xbzrleCache: "16MiB",
    identicalPages: "by-hash",
    checkpoint: "200ms",
  },
} as const satisfies Readonly<Record<string, Partial<RemoteMigrateOptions>>>;
export type FeatureName = keyof typeof FEATURES;
const FEATURED = ["channels", "deflate", "xbzrle", "checkpoints", "all"] as const;
export const STRATEGIES = ["pre-copy", "stop-and-copy", "post-copy", "hybrid"] as const;

export interface Plan {
  readonly fault: (typeof FAULTS)[number];
  /** `anywhere`: with several connections turns say nothing about phases, and any byte is drawn. */
  readonly phase: (typeof PHASES)[number] | "anywhere";
  readonly features: FeatureName;
  readonly strategy: (typeof STRATEGIES)[number];
  readonly trigger: Trigger;
  /** A link that was cut is whole again after this time; `Infinity`: never. */
  readonly healMs: number;
  /** A target that was killed comes back; otherwise nobody listens there any more. */
  readonly isRestarted: boolean;
}

/** Bytes that a request for an upgrade and HELLO take at most, with TLS around them. */
const SETUP_BYTES = 3_000;
/** What HELLO's answer, MISSING, STATE and END of a small guest take at most. */
const SWITCH_BYTES = 8_000;
/** What a target says while pages follow: requests and credits of which some are always sent. */
const ASKED_BYTES = 400;
/** A frame without a payload, and with TLS around it. */
const FRAME_BYTES = { tcp: 16, tls: 38 } as const;
/** A link that never comes back costs half a minute of waiting. */
const NEVER_SHARE = 0.03;

/** Which strategies go before their pages do. */
export const leavesPages = (strategy: Plan["strategy"]): boolean =>
  strategy === "post-copy" || strategy === "hybrid";

/** What migrations without a fault send: pre-copy, and post-copy. */
export type CleanTraffic = Traffic & { readonly bytesFollowed: number };

export function drawPlan(random: Random, transport: "tcp" | "tls", clean: CleanTraffic): Plan {
  const few = random.below(FRAME_BYTES[transport] + 1);
  const strategy = random.pick(STRATEGIES);
  const phase = random.pick(PHASES.filter((one) => hasPhase(strategy, one)));
  const at = { ...clean, few };
  return {
    fault: random.pick(FAULTS),
    phase,
    features: "plain",
    strategy,
    trigger: leavesPages(strategy)
      ? triggerOfFollowed(phase, random, at)
      : triggerOf(phase, random, at),
    healMs: random.float() < NEVER_SHARE ? Number.POSITIVE_INFINITY : random.below(2_000),
    isRestarted: random.float() < 0.5,
  };
}

/** A run with features; its byte is drawn once it is known how many there are. */
export function drawFeatured(random: Random): Omit<Plan, "trigger"> {
  return {
    fault: random.pick(FAULTS),
    phase: "anywhere",
    features: random.pick(FEATURED),
    strategy: random.pick(STRATEGIES),
    healMs: random.float() < NEVER_SHARE ? Number.POSITIVE_INFINITY : random.below(2_000),
    isRestarted: random.float() < 0.5,
  };
}

/** One of the bytes of a migration, with many near its beginning and around its end. */
export function drawByte(random: Random, { bytesToSource, bytesToTarget }: Traffic): Trigger {
  if (random.float() < 0.3)
    return { afterTurn: 0, direction: "to-source", atByte: random.below(bytesToSource) };
  const where = random.float();
  const share = where < 0.6 ? random.float() : 0.85 + 0.15 * random.float();
  const atByte = where < 0.2 ? random.below(2 * SETUP_BYTES) : Math.floor(share * bytesToTarget);
  return { afterTurn: 0, direction: "to-target", atByte };
}

const hasPhase = (strategy: Plan["strategy"], phase: (typeof PHASES)[number]): boolean =>
  phase !== "iterative copy" || strategy === "pre-copy" || strategy === "hybrid";

/** When pages follow: the turns until the guest runs are the same, then come many more. */
function triggerOfFollowed(
  phase: Plan["phase"],
  random: Random,
  { bytesFollowed, ...traffic }: CleanTraffic & { readonly few: number },
): Trigger {
  const { turns } = traffic;
  if (phase === "setup" || phase === "commit" || phase === "iterative copy")
    return triggerOf(phase, random, { ...traffic, bytesToTarget: bytesFollowed });
  if (phase === "stop-and-copy")
    return random.float() < 0.5
      ? { afterTurn: turns - 2, direction: "to-target", atByte: random.below(SWITCH_BYTES) }
      : { afterTurn: turns - 1, direction: "to-source", atByte: traffic.few };
  return random.float() < 0.7
    ? { afterTurn: turns, direction: "to-target", atByte: random.below(bytesFollowed) }
    : { afterTurn: turns, direction: "to-source", atByte: random.below(ASKED_BYTES) };
}

/** `few`: bytes of a small frame that still pass. */
function triggerOf(
  phase: Plan["phase"],
  random: Random,
  { bytesToTarget, few, turns }: Traffic & { readonly few: number },
): Trigger {
  if (phase === "setup")
    return random.float() < 0.5
      ? { afterTurn: 0, direction: "to-target", atByte: random.below(SETUP_BYTES) }
      : { afterTurn: 1 + random.below(turns - 2), direction: "to-source", atByte: few };
  if (phase === "iterative copy") {
    const atByte = SETUP_BYTES + random.below(Math.floor(0.9 * bytesToTarget));
    return { afterTurn: 0, direction: "to-target", atByte };
  }
  if (phase === "stop-and-copy")
    return random.float() < 0.5
      ? {
          afterTurn: 0,
          direction: "to-target",
          atByte: Math.floor((0.9 + 0.1 * random.float()) * bytesToTarget),
        }
      : { afterTurn: turns - 1, direction: "to-source", atByte: few };
  if (phase === "commit") return { afterTurn: turns - 1, direction: "to-target", atByte: few };
  return { afterTurn: turns, direction: "to-source", atByte: few };
}
