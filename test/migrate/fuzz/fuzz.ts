/**
 * Both ends of a migration against streams that are wrong. Whatever comes: nothing throws, the target runs
 * the guest only after every frame up to COMMIT was good, a guest that does not run there is destroyed, and
 * the source gives its own away only for a RUNNING that it asked for.
 */
import { VirtualClock } from "../../../ts/base/clock.ts";
import { WasmvisorError } from "../../../ts/base/errors.ts";
import { Random } from "../../../ts/base/random.ts";
import { MigrationLedger } from "../../../ts/migrate/ledger.ts";
import { simulatedLink } from "../../../ts/migrate/sim-link.ts";
import { type MigrationResult, migrate } from "../../../ts/migrate/source.ts";
import { receiveMigration, type TargetResult } from "../../../ts/migrate/target.ts";
import { FakeGuest } from "../fake-guest.ts";
import { framesOf, type Mutated, mutate } from "./mutate.ts";
import { ReplayChannel } from "./replay-channel.ts";

const PAGES = 3;
const CODES = ["WV_BAD_STREAM", "WV_NETWORK", "WV_MIGRATION", "WV_STATE", "WV_CONFIG", "WV_LIMIT"];

export interface FuzzResult {
  readonly inputs: number;
  /** How each input ended, by the kind of mutation. */
  readonly endings: ReadonlyMap<string, number>;
  /** What must not be; each with the number of the input. */
  readonly failures: readonly string[];
}

function newGuest(seed: number): FakeGuest {
  const guest = new FakeGuest(PAGES);
  guest.fill(new Random(seed), 0.8);
  guest.isRunning = true;
  return guest;
}

const sourceOptions = (clock: VirtualClock) =>
  ({
    clock,
    id: "fuzz",
    strategy: "pre-copy",
    batchPages: 2,
    verify: "memory",
    stallTimeoutNs: Number.POSITIVE_INFINITY,
  }) as const;

interface Recording {
  readonly toTarget: Uint8Array;
  readonly toSource: Uint8Array;
}

/** What both sides say in a migration that goes well. */
function record(): Recording {
  const clock = new VirtualClock();
  const [left, right] = simulatedLink({ clock, bytesPerSec: 1e9 });
  const heard: [Uint8Array[], Uint8Array[]] = [[], []];
  const tap = (channel: typeof left, into: Uint8Array[]): typeof left => ({
    send: (bytes, modelBytes) => {
      into.push(bytes.slice());
      return channel.send(bytes, modelBytes);
    },
    receive: () => channel.receive(),
    close: () => channel.close(),
    abort: (reason) => channel.abort(reason),
  });
  receiveMigration(tap(right, heard[1]), {
    clock,
    ledger: new MigrationLedger(),
    accept: () => new FakeGuest(PAGES),
  });
  let state = "nothing";
  migrate(newGuest(1), tap(left, heard[0]), sourceOptions(clock)).observe((o) => {
    state = o.ok ? o.value.state : String(o.reason);
  });
  clock.run();
  if (state !== "completed") throw new Error(`the recording: ${state}`);
  return { toTarget: Buffer.concat(heard[0]), toSource: Buffer.concat(heard[1]) };
}

/** Serves one stream at a target. */
function atTarget(bytes: Uint8Array, random: Random) {
  const guests: FakeGuest[] = [];
  let result: TargetResult | undefined;
  let thrown: unknown;
  receiveMigration(new ReplayChannel(bytes, random), {
    clock: new VirtualClock(),
    ledger: new MigrationLedger(),
    stallTimeoutNs: Number.POSITIVE_INFINITY, // Nothing here takes any time.
    accept: () => {
      const guest = new FakeGuest(PAGES);
      guests.push(guest);
      return guest;
    },
  }).observe((o) => {
    if (o.ok) result = o.value;
    else thrown = o.reason;
  });
  return { guests, result, thrown };
}

function judgeError(error: unknown): string | undefined {
  if (error instanceof WasmvisorError && CODES.includes(error.code)) return undefined;
  return `an error that is none of ours: ${error instanceof Error ? error.stack : error}`;
}

/** What is wrong with how a target took a stream; undefined if nothing is. */
function judgeTarget(
  { bytes, kind }: Mutated,
  good: Uint8Array,
  { guests, result, thrown }: ReturnType<typeof atTarget>,
): string | undefined {
  if (!result) return `no result: ${thrown}`;
  const running = guests.filter((guest) => guest.isRunning).length;
  if (running !== (result.state === "running" ? 1 : 0)) return `${running} run, ${result.state}`;
  if (guests.some((guest) => !guest.isRunning && !guest.isDestroyed)) return "a guest is kept";
  if (result.state === "discarded") return judgeError(result.error);
  // Bytes behind COMMIT are nobody's.
  const isWhole = Buffer.compare(bytes.subarray(0, good.length), good) === 0;
  if (result.state === "running" && kind === "raw" && !isWhole) return "it runs after damage";
  return undefined;
}

/** Has a source read one stream. */
function atSource(bytes: Uint8Array, random: Random) {
  const guest = newGuest(1);
  const clock = new VirtualClock();
  const channel = new ReplayChannel(bytes, random);
  let result: MigrationResult | undefined;
  let thrown: unknown;
  migrate(guest, channel, sourceOptions(clock)).observe((o) => {
    if (o.ok) result = o.value;
    else thrown = o.reason;
  });
  clock.run();
  return { guest, result, thrown };
}

function judgeSource({ guest, result, thrown }: ReturnType<typeof atSource>): string | undefined {
  if (!result) return `no result: ${thrown}`;
  if (result.state === "completed")
    return guest.isDestroyed ? undefined : "completed, and the guest is here";
  if (guest.isDestroyed) return `${result.state}, and the guest is gone`;
  if (guest.isRunning !== (result.state !== "in-doubt"))
    return `${result.state}, ${guest.isRunning}`;
  return judgeError(result.error);
}

export function fuzzStreams(options: {
  readonly inputs: number;
  readonly seed: number;
}): FuzzResult {
  const { inputs, seed } = options;
  const { toSource, toTarget } = record();
  const [framesToTarget, framesToSource] = [framesOf(toTarget), framesOf(toSource)];
  const random = new Random(seed).split("streams");
  const endings = new Map<string, number>();
  const failures: string[] = [];
  for (let input = 0; input < inputs; input++) {
    const isTarget = random.below(4) > 0;
    const mutated = isTarget
      ? mutate(toTarget, framesToTarget, random)
      : mutate(toSource, framesToSource, random);
    let wrong: string | undefined;
    let ending: string;
    if (isTarget) {
      const run = atTarget(mutated.bytes, random);
      wrong = judgeTarget(mutated, toTarget, run);
      ending = run.result?.state ?? "nothing";
    } else {
      const run = atSource(mutated.bytes, random);
      wrong = judgeSource(run);
      ending = run.result?.state ?? "nothing";
    }
    const key = `${isTarget ? "target" : "source"}, ${mutated.name}: ${ending}`;
    endings.set(key, (endings.get(key) ?? 0) + 1);
    if (wrong !== undefined && failures.length < 20)
      failures.push(`input ${input} (${mutated.name}): ${wrong}`);
  }
  return { inputs, endings, failures };
}

/** Streams that are good and come twice, or to the wrong guest. */
export function replayStreams(): { readonly again: TargetResult; readonly other: TargetResult } {
  const { toTarget } = record();
  const clock = new VirtualClock();
  const ledger = new MigrationLedger();
  const serve = (pages: number, ledgerOf: MigrationLedger): TargetResult => {
    let result: TargetResult | undefined;
    receiveMigration(new ReplayChannel(toTarget, new Random(1)), {
      clock,
      ledger: ledgerOf,
      accept: () => new FakeGuest(pages),
    }).observe((o) => {
      if (o.ok) result = o.value;
    });
    return result as TargetResult;
  };
  serve(PAGES, ledger);
  return { again: serve(PAGES, ledger), other: serve(PAGES + 1, new MigrationLedger()) };
}
