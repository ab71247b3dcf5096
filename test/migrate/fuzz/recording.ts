/** What both sides of a migration say on all of its channels, and when. */
import { VirtualClock } from "../../../ts/base/clock.ts";
import type { Channel } from "../../../ts/migrate/channel.ts";
import { brokenError } from "../../../ts/migrate/channel.ts";
import { MigrationLedger } from "../../../ts/migrate/ledger.ts";
import { simulatedLink } from "../../../ts/migrate/sim-link.ts";
import { type MigrationResult, migrate } from "../../../ts/migrate/source.ts";
import { FRAME_RUNNING, loadU32 } from "../../../ts/migrate/stream.ts";
import { queryOutcome, receiveMigration, type TargetResult } from "../../../ts/migrate/target.ts";
import type { FuzzGuest } from "./guests.ts";
import {
  type FuzzScenario,
  LATENCY_NS,
  LINK_BYTES_PER_SEC,
  newGuest,
  sourceOptions,
  targetOptions,
} from "./scenarios.ts";

export type Side = "source" | "target";

export interface Said {
  readonly atNs: number;
  readonly by: Side;
  /** 0: the first, 1: the next one that was opened, ... */
  readonly channel: number;
  /** Some bytes, or the end of the channel. */
  readonly what: Uint8Array | "close" | "break";
}

export interface Recording {
  readonly scenario: FuzzScenario;
  readonly said: readonly Said[];
  /** How it ended, and what the guest had in its memory then. */
  readonly ends: readonly [source: string, target: string];
  readonly memory: Uint8Array | undefined;
  /** Of the fake guest, at the switch. */
  readonly channels: number;
}

/** When the last word was said. */
export const endOf = ({ said }: Recording): number => said.at(-1)?.atNs ?? 0;

export const newLink = (clock: VirtualClock): readonly [Channel, Channel] =>
  simulatedLink({ clock, bytesPerSec: LINK_BYTES_PER_SEC, latencyNs: LATENCY_NS });

/** Lets a guest write as long as it runs, until somebody has seen enough of it. */
export function live(
  clock: VirtualClock,
  guest: () => FuzzGuest | undefined,
  { perMs, untilNs }: { readonly perMs: number; readonly untilNs: number },
): void {
  if (perMs === 0) return;
  let count = 0;
  const everyNs = 1e6 / perMs;
  const next = (): void => {
    const one = guest();
    if (one?.isRunning) one.write(count++);
    if (clock.nowNs() < untilNs) clock.after(everyNs, next);
  };
  clock.after(everyNs, next);
}

/** No recording lasts so long. */
const LIFE_NS = 400e6;

class Recorder {
  readonly clock = new VirtualClock();
  readonly said: Said[] = [];
  readonly ledger = new MigrationLedger();
  readonly guests: FuzzGuest[] = [];
  readonly #scenario: FuzzScenario;
  readonly #open: Channel[] = [];
  channels = 0;

  constructor(scenario: FuzzScenario) {
    this.#scenario = scenario;
  }

  tap(inner: Channel, by: Side, channel: number): Channel {
    const note = (what: Said["what"]): void => {
      this.said.push({ atNs: this.clock.nowNs(), by, channel, what });
    };
    this.#open.push(inner);
    return {
      send: (bytes, modelBytes) => {
        const isLost = this.#scenario.loses === "RUNNING" && loadU32(bytes, 0) === FRAME_RUNNING;
        if (isLost && by === "target" && channel === 0) {
          note("break");
          inner.abort(brokenError("the recording breaks it"));
        } else note(bytes.slice());
        return inner.send(bytes, modelBytes);
      },
      receive: () => inner.receive(),
      close: () => {
        note("close");
        inner.close();
      },
      abort: (reason) => {
        note("break");
        inner.abort(reason);
      },
    };
  }

  breakAll(): void {
    for (const by of ["source", "target"] as const)
      for (let channel = 0; channel < this.channels; channel++)
        this.said.push({ atNs: this.clock.nowNs(), by, channel, what: "break" });
    // Others are opened in their place meanwhile.
    for (const channel of [...this.#open]) channel.abort(brokenError("the recording breaks it"));
  }

  /** Another channel: the source's end of it. */
  connect(onResult: (result: TargetResult) => void = () => undefined): Channel {
    const { clock, ledger } = this;
    const [left, right] = newLink(clock);
    const channel = this.channels++;
    const accept = (): FuzzGuest["migratable"] => {
      if (this.#scenario.refuses) throw new Error("no room");
      const guest = newGuest(this.#scenario, false);
      this.guests.push(guest);
      return guest.migratable;
    };
    receiveMigration(this.tap(right, "target", channel), {
      ...targetOptions(this.#scenario),
      clock,
      ledger,
      accept,
    }).observe((o) => {
      if (!o.ok) throw o.reason;
      onResult(o.value);
    });
    return this.tap(left, "source", channel);
  }
}

/** Records a scenario. Throws if it ends in another way than it should. */
export function record(scenario: FuzzScenario): Recording {
  const recorder = new Recorder(scenario);
  const { clock } = recorder;
  const guest = newGuest(scenario, true);
  guest.start();
  let [atSource, atTarget] = ["nothing", "nothing"];
  const first = recorder.connect(({ state }) => {
    atTarget = state;
  });
  migrate(guest.migratable, first, {
    ...sourceOptions(scenario, clock),
    openChannel: () => recorder.connect(),
    reconnect: () => recorder.connect(),
    askOutcome: (id) => queryOutcome(recorder.connect(), id),
  }).observe((o) => {
    atSource = o.ok ? (o.value as MigrationResult).state : String(o.reason);
  });
  live(clock, () => [guest, ...recorder.guests].find((one) => one.isRunning), {
    perMs: scenario.writesPerMs,
    untilNs: LIFE_NS,
  });
  if (scenario.breaksAtNs !== undefined)
    clock.after(scenario.breaksAtNs, () => recorder.breakAll());
  clock.run(() => atSource !== "nothing" && atTarget !== "nothing");
  const { channels, guests, said } = recorder;
  const memory = guests
    .find((one) => one.isRunning)
    ?.memory()
    ?.slice();
  for (const one of [guest, ...guests]) one.free();
  if (`${[atSource, atTarget]}` !== `${scenario.ends}`)
    throw new Error(`the recording of ${scenario.name}: ${atSource}, ${atTarget}`);
  return { scenario, said, ends: [atSource, atTarget], memory, channels };
}

/** All bytes that `by` said on `channel`. */
export function streamOfChannel({ said }: Recording, by: Side, channel: number): Uint8Array {
  const bytes = said
    .filter((one) => one.by === by && one.channel === channel)
    .map(({ what }) => (typeof what === "string" ? new Uint8Array(0) : what));
  return Buffer.concat(bytes);
}
