/** Plays what one side said in a recording, or something else in its place, to the other side. */
import { VirtualClock } from "../../../ts/base/clock.ts";
import type { Random } from "../../../ts/base/random.ts";
import { brokenError, type Channel } from "../../../ts/migrate/channel.ts";
import { MigrationLedger } from "../../../ts/migrate/ledger.ts";
import { type MigrationResult, migrate } from "../../../ts/migrate/source.ts";
import { queryOutcome, receiveMigration, type TargetResult } from "../../../ts/migrate/target.ts";
import type { FuzzGuest } from "./guests.ts";
import { endOf, live, newLink, type Recording, type Side } from "./recording.ts";
import { newGuest, sourceOptions, targetOptions } from "./scenarios.ts";

/** In place of what was said on one of the channels. */
export interface Changed {
  readonly channel: number;
  readonly bytes: Uint8Array;
}

export interface Played<Result> {
  readonly guests: readonly FuzzGuest[];
  readonly result: Result | undefined;
  readonly thrown: unknown;
}

/** Nothing takes as long as this. */
const END_NS = 1000e9;

/** What was said last arrives, and is answered. */
const GRACE_NS = 1e6;

interface Play {
  readonly recording: Recording;
  /** Who speaks. */
  readonly by: Side;
  readonly changed: Changed | undefined;
  readonly clock: VirtualClock;
  /** The speaker's end of a channel; undefined: nobody opened it. */
  readonly end: (channel: number) => Channel | undefined;
}

/** Says all that `by` said, at the same times. */
function say({ by, changed, clock, end, recording }: Play): void {
  let at = 0;
  const slots = recording.said.filter(
    (one) => one.by === by && one.channel === changed?.channel && typeof one.what !== "string",
  );
  for (const one of recording.said) {
    if (one.by !== by) continue;
    clock.advance(one.atNs - clock.nowNs());
    const channel = end(one.channel);
    if (!channel) continue;
    if (one.what === "close") channel.close();
    else if (one.what === "break") channel.abort(brokenError("as it was"));
    else if (one.channel !== changed?.channel) channel.send(one.what);
    else {
      const isLast = one === slots.at(-1);
      const until = isLast ? changed.bytes.length : at + one.what.length;
      channel.send(changed.bytes.slice(at, until));
      at = until;
    }
  }
}

/** What is left open is closed, broken, or silent for ever. */
function hangUp(channels: readonly Channel[], random: Random): void {
  const how = random.below(3);
  for (const channel of channels) {
    if (how === 0) channel.close();
    else if (how === 1) channel.abort(brokenError("the input ends here"));
  }
}

export function playToTarget(
  recording: Recording,
  changed: Changed | undefined,
  random: Random,
): Played<TargetResult> {
  const { scenario } = recording;
  const clock = new VirtualClock();
  const ledger = new MigrationLedger();
  const guests: FuzzGuest[] = [];
  const ends: (Channel | undefined)[] = [];
  let [result, thrown]: [TargetResult | undefined, unknown] = [undefined, undefined];
  const accept = (): FuzzGuest["migratable"] => {
    if (scenario.refuses) throw new Error("no room");
    const guest = newGuest(scenario, false);
    guests.push(guest);
    return guest.migratable;
  };
  const end = (channel: number): Channel => {
    const open = ends[channel];
    if (open) return open;
    const [left, right] = newLink(clock);
    receiveMigration(right, { ...targetOptions(scenario), clock, ledger, accept }).observe((o) => {
      if (!o.ok) thrown = o.reason;
      else if (channel === 0) result = o.value;
    });
    ends[channel] = left;
    return left;
  };
  // What a real guest does there is another matter: these pages are compared.
  const perMs = scenario.guest === "core" ? 0 : scenario.writesPerMs;
  live(clock, () => guests.find((one) => one.isRunning), { perMs, untilNs: endOf(recording) });
  say({ recording, by: "source", changed, clock, end });
  clock.advance(GRACE_NS);
  hangUp(
    ends.filter((one) => one !== undefined),
    random,
  );
  clock.run(() => result !== undefined || clock.nowNs() > END_NS);
  return { guests, result, thrown };
}

export function playToSource(
  recording: Recording,
  changed: Changed | undefined,
  random: Random,
): Played<MigrationResult> {
  const { scenario } = recording;
  const clock = new VirtualClock();
  const guest = newGuest(scenario, true);
  guest.start();
  const ends: Channel[] = [];
  let [result, thrown]: [MigrationResult | undefined, unknown] = [undefined, undefined];
  const connect = (): Channel => {
    if (ends.length >= recording.channels) throw new Error("no route to host");
    const [left, right] = newLink(clock);
    ends.push(right);
    return left;
  };
  migrate(guest.migratable, connect(), {
    ...sourceOptions(scenario, clock),
    outcomeTimeoutNs: 2e9,
    recoveryTimeoutNs: 2e9,
    openChannel: connect,
    reconnect: connect,
    askOutcome: (id) => queryOutcome(connect(), id),
  }).observe((o) => {
    if (o.ok) result = o.value;
    else thrown = o.reason;
  });
  live(clock, () => guest, { perMs: scenario.writesPerMs, untilNs: endOf(recording) });
  say({ recording, by: "target", changed, clock, end: (channel) => ends[channel] });
  clock.advance(GRACE_NS);
  hangUp(ends, random);
  clock.run(() => result !== undefined || clock.nowNs() > END_NS);
  return { guests: [guest], result, thrown };
}
