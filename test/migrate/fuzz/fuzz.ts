/**
 * Both ends of a migration against streams that are wrong. Whatever comes: nothing throws, the target runs
 * the guest only after every frame up to COMMIT was good, a guest that does not run there is destroyed, and
 * the source gives its own away only for a RUNNING that it asked for.
 */
import { Random } from "../../../ts/base/random.ts";
import { frameName } from "../../../ts/migrate/stream.ts";
import { freeFrames, loadFuzzCore } from "./guests.ts";
import { type Clean, judgeSource, judgeTarget } from "./judge.ts";
import { type FuzzFrame, framesOf, type GoodStream, mutate } from "./mutate.ts";
import { playToSource, playToTarget } from "./play.ts";
import { type Recording, record, type Side, streamOfChannel } from "./recording.ts";
import { traitsOf } from "./records.ts";
import { SCENARIOS } from "./scenarios.ts";

export interface FuzzResult {
  readonly inputs: number;
  /** How each input ended, by the kind of mutation. */
  readonly endings: ReadonlyMap<string, number>;
  /** Inputs that touched a frame of this type, or a record of this kind, on the way to this side. */
  readonly coverage: ReadonlyMap<string, number>;
  /** What must not be; each with the number of the input. */
  readonly failures: readonly string[];
}

/** What is said to one side in one scenario, channel by channel. */
interface Subject {
  readonly side: Side;
  readonly recording: Recording;
  readonly channels: readonly (GoodStream & { readonly channel: number })[];
  readonly clean: Clean;
}

const other = (side: Side): Side => (side === "source" ? "target" : "source");

function subjects(): Subject[] {
  const recordings = SCENARIOS.map(record);
  const framesBy = (by: Side): FuzzFrame[] =>
    recordings.flatMap((recording) =>
      Array.from({ length: recording.channels }, (_, channel) =>
        framesOf(streamOfChannel(recording, by, channel)),
      ).flat(),
    );
  const foreign = { source: framesBy("source"), target: framesBy("target") };
  return recordings.flatMap((recording) => {
    const random = new Random(1);
    const channelsBy = (by: Side) =>
      Array.from({ length: recording.channels }, (_, channel) => {
        const bytes = streamOfChannel(recording, by, channel);
        return { channel, bytes, frames: framesOf(bytes), foreign: foreign[by] };
      }).filter(({ frames }) => frames.length > 0);
    return (["target", "source"] as const).map((side) => {
      const clean: Clean = { memory: cleanMemory(recording, random) };
      return { side, recording, channels: channelsBy(other(side)), clean };
    });
  });
}

/** What the target has in the end when what was said is what it hears, without what the guest writes there. */
function cleanMemory(recording: Recording, random: Random): Uint8Array | undefined {
  const quiet = { ...recording, scenario: { ...recording.scenario, writesPerMs: 0 } };
  const { guests, result } = playToTarget(quiet, undefined, random);
  if (result?.state !== recording.ends[1])
    throw new Error(`${recording.scenario.name}: played to the target: ${result?.state}`);
  const memory = guests
    .find((one) => one.isRunning)
    ?.memory()
    ?.slice();
  for (const one of guests) one.free();
  return memory;
}

/** One input. Says how it ended, and what is wrong with that. */
function playOne(subject: Subject, random: Random) {
  const { clean, recording, side } = subject;
  const good = random.pick(subject.channels);
  const mutated = mutate(good, random);
  const changed = { channel: good.channel, bytes: mutated.bytes };
  const input = { mutated, good, recording };
  const before = freeFrames();
  const played =
    side === "target"
      ? playToTarget(recording, changed, random)
      : playToSource(recording, changed, random);
  const wrong =
    side === "target"
      ? judgeTarget(input, clean, played as ReturnType<typeof playToTarget>)
      : judgeSource(input, played as ReturnType<typeof playToSource>);
  for (const guest of played.guests) guest.free();
  const lostFrames = before - freeFrames();
  return {
    mutated,
    ending: played.result?.state ?? "nothing",
    wrong: wrong ?? (lostFrames === 0 ? undefined : `${lostFrames} frames of the core are lost`),
  };
}

const add = (counts: Map<string, number>, key: string): void => {
  counts.set(key, (counts.get(key) ?? 0) + 1);
};

let all: readonly Subject[] | undefined;

export async function fuzzStreams(options: {
  readonly inputs: number;
  readonly seed: number;
}): Promise<FuzzResult> {
  const { inputs, seed } = options;
  await loadFuzzCore();
  all ??= subjects();
  const random = new Random(seed).split("streams");
  const endings = new Map<string, number>();
  const coverage = new Map<string, number>();
  const failures: string[] = [];
  for (let input = 0; input < inputs; input++) {
    const subject = random.pick(all);
    const { ending, mutated, wrong } = playOne(subject, random);
    const { frame, name } = mutated;
    const { side } = subject;
    add(endings, `${side}, ${name}: ${ending}`);
    if (frame) add(coverage, `${side}: ${frameName(frame.type)}`);
    for (const trait of traitsOf(frame)) add(coverage, `${side}: ${trait}`);
    if (wrong !== undefined && failures.length < 20)
      failures.push(`input ${input} (${subject.recording.scenario.name}, ${name}): ${wrong}`);
  }
  return { inputs, endings, coverage, failures };
}
