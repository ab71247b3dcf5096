/**
 * A host full of small guests is emptied by live migration: every strategy in turn, half of the guests
 * asleep in WFI when they go. Each is then held against a twin that was never moved, at the same
 * instruction; and in the end all of them, alive side by side on the target, are asked whether they live.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compileCore } from "../../../bindings/bytes.ts";
import { type Core, loadCore } from "../../../bindings/core.ts";
import { VirtualClock } from "../../../ts/base/clock.ts";
import { Random } from "../../../ts/base/random.ts";
import { VirtualGuest } from "../../../ts/host/virtual-guest.ts";
import { MigrationLedger } from "../../../ts/migrate/ledger.ts";
import { STRATEGIES, type Strategy } from "../../../ts/migrate/options.ts";
import { simulatedLink } from "../../../ts/migrate/sim-link.ts";
import { type MigrationResult, migrate } from "../../../ts/migrate/source.ts";
import { receiveMigration } from "../../../ts/migrate/target.ts";
import { ROOT } from "../daemon-process.ts";
import { Pulse } from "./guest.ts";

const CORE_BYTES = 1 << 30;
const LINK_BYTES_PER_SEC = 10 << 20;
/** Guests have run for so long, at most, when they go; and run for this long afterwards. */
const SETTLE_NS_MAX = 20e6;
const AFTER_NS = 15e6;

export interface Moved {
  readonly index: number;
  readonly strategy: Strategy;
  readonly state: MigrationResult["state"];
  /** At the switch-over it was asleep in WFI, with a timer armed. */
  readonly slept: boolean;
  /** It is where its twin is after as many instructions, with the same memory and the same output. */
  readonly isEqual: boolean;
  readonly stats: MigrationResult["stats"];
  readonly guest: Pulse;
}

export interface Emptied {
  readonly moved: readonly Moved[];
  /** Beat on and answered on the console, when all were there. */
  readonly alive: readonly boolean[];
}

/** Moves `count` guests from one host to another. */
export async function emptyHost(count: number, seed: number): Promise<Emptied> {
  const module = await compileCore(readFileSync(join(ROOT, "build/core.wasm")));
  const core = (): Promise<Core> => loadCore(module, { wallTicks: () => 0 }, CORE_BYTES);
  const [source, target] = [await core(), await core()];
  const warm = Pulse.boot(source);
  const random = new Random(seed);
  const moved: Moved[] = [];
  for (let index = 0; index < count; index++) {
    const strategy = STRATEGIES[(index >> 1) % STRATEGIES.length] as Strategy;
    const guest = begin(warm, index, random);
    moved.push({ index, strategy, ...move(guest, target, strategy) });
  }
  const alive = moved.map(({ guest, state }) => state === "completed" && answers(guest));
  return { moved, alive };
}

/** 13 of 25 sleep between their beats, and are awake for 0.1 % of the time; the others work. */
const HABITS = ["pause=sleep period=5000 writes=8", "pause=work period=20 writes=2"] as const;

function begin(warm: Pulse, index: number, random: Random): Pulse {
  const guest = warm.fork();
  guest.type(`seed=${random.below(1e6) + 1} ${HABITS[(index % 25) % 2]}\n`);
  guest.until("ready");
  guest.vm.runFor(random.below(SETTLE_NS_MAX));
  return guest;
}

function move(
  guest: Pulse,
  core: Core,
  strategy: Strategy,
): Pick<Moved, "guest" | "isEqual" | "slept" | "state" | "stats"> {
  const twin = guest.fork();
  const other = new Pulse(core);
  const clock = new VirtualClock();
  const link = { clock, bytesPerSec: LINK_BYTES_PER_SEC, latencyNs: 100_000 };
  const [toTarget, toSource] = simulatedLink(link);
  const accept = (): VirtualGuest => new VirtualGuest(other.vm, clock, false);
  receiveMigration(toSource, { clock, ledger: new MigrationLedger(), accept });
  let slept = false;
  let result: MigrationResult | undefined;
  migrate(new Leaving(guest.vm, clock, () => (slept = guest.sleeps)), toTarget, {
    clock,
    id: "one-of-many",
    strategy,
    downtimeLimitNs: 2e6,
    roundsMax: 4,
    onLimit: "stop",
  }).observe((outcome) => {
    if (outcome.ok) result = outcome.value;
  });
  clock.run(() => result !== undefined);
  if (!result) throw new Error("the migration came to a halt");
  const { state, stats } = result;
  const isEqual = state === "completed" && isLike(twin, { guest, other, strategy });
  twin.vm.destroy();
  return { state, stats, slept, isEqual, guest: other };
}

/** Looks at the guest between the last instruction here and the first one there. */
class Leaving extends VirtualGuest {
  readonly #look: () => void;

  constructor(vm: Pulse["vm"], clock: VirtualClock, look: () => void) {
    super(vm, clock, true);
    this.#look = look;
  }

  override saveState(): Uint8Array {
    this.#look();
    return super.saveState();
  }
}

function isLike(
  twin: Pulse,
  { guest, other, strategy }: { guest: Pulse; other: Pulse; strategy: Strategy },
): boolean {
  other.vm.runFor(AFTER_NS);
  // One instruction further: behind the WFI that it may be in, the clocks of both stand alike.
  const instructions = other.instructions + 1;
  if (!other.runTo(instructions) || !twin.runTo(instructions)) return false;
  // A guest that waited for a page has lost time, and nothing else.
  const time =
    strategy === "pre-copy" || strategy === "stop-and-copy" ? "with-time" : "without-time";
  const text = guest.text + other.text;
  return twin.fingerprint(time) === other.fingerprint(time) && text.endsWith(twin.text);
}

/** The heart goes on, and the guest answers on its console. */
function answers(guest: Pulse): boolean {
  const before = beatsOf(guest);
  guest.type("?");
  const hasAnswered = guest.until(/alive \d+ digest [0-9a-f]+\r\n/);
  guest.text = "";
  return hasAnswered && guest.until(/beat \d+\r\n/) && beatsOf(guest) > before;
}

/** The last beat that it has printed to its end. */
const beatsOf = ({ text }: Pulse): number =>
  Number([...text.matchAll(/beat (\d+)\r\n/g)].at(-1)?.[1] ?? 0);
