/** What must be true of both sides, whatever was said to them. Apart from who says it. */

import { PAGE_BYTES } from "../../../bindings/abi.ts";
import { WasmvisorError } from "../../../ts/base/errors.ts";
import type { MigrationResult } from "../../../ts/migrate/source.ts";
import type { TargetResult } from "../../../ts/migrate/target.ts";
import { FakeFuzzGuest, type FuzzGuest } from "./guests.ts";
import type { GoodStream, Mutated } from "./mutate.ts";
import type { Played } from "./play.ts";
import type { Recording } from "./recording.ts";

const CODES = [
  "WV_BAD_STREAM",
  "WV_NETWORK",
  "WV_MIGRATION",
  "WV_STATE",
  "WV_CONFIG",
  "WV_LIMIT",
  "WV_TIMEOUT",
  "WV_ABORTED",
  "WV_NO_MEMORY",
  "WV_BAD_SNAPSHOT",
];

/** The target's memory when nothing is wrong, without what the guest writes there. */
export interface Clean {
  readonly memory: Uint8Array | undefined;
}

export interface Input {
  readonly mutated: Mutated;
  readonly good: GoodStream;
  readonly recording: Recording;
}

function judgeError(error: unknown): string | undefined {
  if (error instanceof WasmvisorError && CODES.includes(error.code)) return undefined;
  // What whoever refuses says, and a state that the guest cannot read.
  if (error instanceof Error && /^no room$|^no route to host$/.test(error.message))
    return undefined;
  return `an error that is none of ours: ${error instanceof Error ? error.stack : error}`;
}

/** Is what was said first what it should be? Bytes behind the end are nobody's. */
const isWhole = ({ good, mutated }: Input): boolean =>
  Buffer.compare(mutated.bytes.subarray(0, good.bytes.length), good.bytes) === 0;

/** What is wrong with how a target took a stream; undefined if nothing is. */
export function judgeTarget(
  input: Input,
  clean: Clean,
  { guests, result, thrown }: Played<TargetResult>,
): string | undefined {
  if (thrown) return `it threw: ${thrown}`;
  if (!result) return "no result";
  const running = guests.filter((guest) => guest.isRunning).length;
  if (running !== (result.state === "running" ? 1 : 0)) return `${running} run, ${result.state}`;
  if (guests.some((guest) => !guest.isRunning && !guest.isDestroyed)) return "a guest is kept";
  if ("error" in result) return judgeError(result.error);
  if (result.state !== "running" || input.mutated.kind !== "raw") return undefined;
  const { recording } = input;
  const isSimple = recording.channels === 1 && recording.scenario.source.strategy === undefined;
  if (isSimple && !isWhole(input)) return "it runs after damage";
  const [guest] = guests.filter((one) => one.isRunning);
  return judgeMemory(guest as FuzzGuest, clean.memory);
}

/** What came and what the guest wrote since is all that it has. */
function judgeMemory(guest: FuzzGuest, came: Uint8Array | undefined): string | undefined {
  const memory = guest.memory();
  if (!memory || !came) return `it runs without ${memory ? "anybody's" : "some of its"} pages`;
  const expected = came.slice();
  if (guest instanceof FakeFuzzGuest) for (const [at, value] of guest.done) expected[at] = value;
  const wrong = Buffer.compare(memory, expected);
  if (guest instanceof FakeFuzzGuest && !guest.isDiskRight) return "its disk is damaged";
  if (wrong === 0) return undefined;
  const at = memory.findIndex((byte, i) => byte !== expected[i]);
  return `page ${Math.floor(at / PAGE_BYTES)} of the guest is damaged`;
}

export function judgeSource(
  input: Input,
  { guests, result, thrown }: Played<MigrationResult>,
): string | undefined {
  const [guest] = guests as [FuzzGuest];
  if (!result) return `no result: ${thrown}`;
  const { state } = result;
  if (state === "completed") {
    if (!guest.isDestroyed) return "completed, and the guest is here";
    const { breaksAtNs, loses } = input.recording.scenario;
    const isSimple = breaksAtNs === undefined && loses === undefined;
    const isFirst = input.good.bytes.length > 0 && input.recording.channels === 1;
    if (input.mutated.kind === "raw" && isSimple && isFirst && !isWhole(input))
      return "it gave its guest away for a damaged answer";
    return undefined;
  }
  if (guest.isDestroyed) return `${state}, and the guest is gone`;
  const runs = ["failed", "aborted", "rolled-back"].includes(state);
  if (guest.isRunning !== runs) return `${state}, ${guest.isRunning ? "and it runs" : "held"}`;
  if (runs && guest instanceof FakeFuzzGuest) {
    const before = new FakeFuzzGuest(guest.migratable.shape.pageCount);
    before.fill();
    const wrong = judgeMemory(guest, before.migratable.memory);
    if (wrong) return `${state}: ${wrong}`;
  }
  return judgeError(result.error);
}
