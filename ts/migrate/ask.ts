/** What became of a migration whose target does not answer: whoever is asked may be silent, too. */
import type { Clock } from "../base/clock.ts";
import { Future, runTask, type Task, type Wait, wait } from "../base/task.ts";
import type { Outcome } from "./messages.ts";

/** An answer takes no longer than this, or it does not come. */
const ANSWER_NS_MAX = 10e9;

export interface Asked {
  readonly clock: Clock;
  readonly id: string;
  readonly askOutcome?: ((id: string) => Wait<Outcome | "unknown">) | undefined;
}

/** The answer to one question; `unknown` if there is nobody to ask, none comes within `ns`, or it is an error. */
export function* ask(
  { askOutcome, clock, id }: Asked,
  ns = ANSWER_NS_MAX,
): Task<Outcome | "unknown"> {
  if (!askOutcome) return "unknown";
  const answer = new Future<Outcome | "unknown">();
  const stop = new AbortController();
  runTask(
    (function* hear(): Task<void> {
      try {
        answer.resolve(yield* wait(askOutcome(id)));
      } catch {
        answer.resolve("unknown"); // Not reachable at the moment; asking again costs nothing.
      }
      stop.abort();
    })(),
  );
  if (!answer.isSettled) runTask(expire(clock, Math.min(ns, ANSWER_NS_MAX), answer, stop.signal));
  return yield* wait(answer);
}

function* expire(
  clock: Clock,
  ns: number,
  answer: Future<Outcome | "unknown">,
  signal: AbortSignal,
): Task<void> {
  try {
    yield* wait(clock.sleep(Math.max(0, ns), signal));
    answer.resolve("unknown");
  } catch {
    // The answer has come.
  }
}
