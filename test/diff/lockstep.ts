/**
 * Lockstep: one guest under two engines, side by side. Both get the same budgets, drawn from a seed;
 * after each the whole state of all harts is compared, at the end the RAM. A difference is narrowed to
 * the smallest last budget that shows it, by running everything again: runs are the same each time.
 */
import { PAGE_BYTES } from "../../bindings/abi.ts";
import { Random } from "../../ts/base/random.ts";
import { compareHarts, type FieldDifference } from "./hart-fields.ts";
import type { Side } from "./lockstep-guest.ts";

export interface LockstepPlan {
  /** Starts the guest: under the engine that is right by definition, and under the one to be tested. */
  readonly start: readonly [left: () => Promise<Side>, right: () => Promise<Side>];
  readonly seed: number;
  /** Budgets to draw from. */
  readonly budgets: readonly number[];
  /** Budget units after which it is enough. */
  readonly until: number;
  /** Stop when the console shows this. */
  readonly untilText?: string | undefined;
}

export interface LockstepDifference {
  /** Chunks that agreed, and the budget after which the next one does not. */
  readonly chunks: number;
  readonly budget: number;
  /** Budget units since the start at which the two differ. */
  readonly at: number;
  readonly fields: readonly FieldDifference[];
}

export interface LockstepResult {
  readonly chunks: number;
  readonly instructions: number;
  readonly console: string;
  /** How the guest ended, if it did. */
  readonly end: string | undefined;
  readonly translated: number;
  readonly difference: LockstepDifference | undefined;
}

const textOf = ({ console }: Side): string => Buffer.from(console).toString("latin1");

/** Runs for `budget` units; a guest that waits gets its timer. What happened, for comparison. */
function step({ vm }: Side, budget: number): string {
  const outcome = vm.run(budget);
  if (outcome.state !== "idle") return JSON.stringify(outcome);
  return `${JSON.stringify(outcome)} ${vm.skipIdle()}`;
}

const isOver = (outcome: string): boolean =>
  outcome.includes('"ended"') || outcome.endsWith("false");

const text = (name: string, left: string, right: string): FieldDifference[] => {
  const big = (value: string) => BigInt(`0x${Buffer.from(value).toString("hex") || "0"}`);
  return left === right ? [] : [{ name, left: big(left), right: big(right) }];
};

/** Where the sides differ in their harts and on their consoles. */
function compareSides(left: Side, right: Side): FieldDifference[] {
  const harts = left.vm.vcpus.flatMap((vcpu, i) => {
    const other = right.vm.vcpus[i];
    return other ? compareHarts(vcpu.save().registers, other.save().registers) : [];
  });
  const count = Math.min(left.console.length, right.console.length);
  const from = Math.max(0, count - 16);
  return [...harts, ...text("console", textFrom(left, from), textFrom(right, from))];
}

const textFrom = ({ console }: Side, from: number): string =>
  Buffer.from(console.slice(from)).toString("latin1");

/** Hash of all of a side's RAM. */
export function hashRam({ core, vm }: Side): bigint {
  const pages = vm.ram.ramBytes / PAGE_BYTES;
  return BigInt.asUintN(64, core.exports.hashPages(vm.ram.space, 0, pages));
}

function compareRam(left: Side, right: Side): FieldDifference[] {
  const [a, b] = [hashRam(left), hashRam(right)];
  return a === b ? [] : [{ name: "ram", left: a, right: b }];
}

/** Draws the budgets, the same for every run of a plan. */
function budgetsOf({ seed, budgets }: LockstepPlan): () => number {
  const random = new Random(seed).split("budgets");
  return () => random.pick(budgets);
}

/** The state of one side after `chunks` chunks and a last one of `budget`. */
export async function replay(
  plan: LockstepPlan,
  which: 0 | 1,
  { chunks, budget }: { readonly chunks: number; readonly budget: number },
): Promise<Side> {
  const side = await plan.start[which]();
  const draw = budgetsOf(plan);
  for (let i = 0; i < chunks; i++) step(side, draw());
  if (budget > 0) step(side, budget);
  return side;
}

/** The smallest budget of the chunk behind `chunks` after which the two differ. */
async function narrow(plan: LockstepPlan, chunks: number, budget: number): Promise<number> {
  let [good, bad] = [0, budget];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    const at = { chunks, budget: middle };
    const [left, right] = [await replay(plan, 0, at), await replay(plan, 1, at)];
    const differs = [...compareSides(left, right), ...compareRam(left, right)].length > 0;
    if (differs) bad = middle;
    else good = middle;
  }
  return bad;
}

async function differenceAt(
  plan: LockstepPlan,
  chunks: number,
  whole: number,
): Promise<LockstepDifference> {
  const budget = await narrow(plan, chunks, whole);
  const at = { chunks, budget };
  const [left, right] = [await replay(plan, 0, at), await replay(plan, 1, at)];
  const fields = [...compareSides(left, right), ...compareRam(left, right)];
  return { chunks, budget, at: left.vm.metrics().cycles, fields };
}

/** Chunks between comparisons of all RAM. */
const RAM_EVERY = 4096;

/** Runs the plan to its end or to the first difference. */
export async function lockstep(plan: LockstepPlan): Promise<LockstepResult> {
  const [left, right] = [await plan.start[0](), await plan.start[1]()];
  const draw = budgetsOf(plan);
  let chunks = 0;
  let difference: LockstepDifference | undefined;
  for (let done = 0; done < plan.until; ) {
    const budget = draw();
    const [a, b] = [step(left, budget), step(right, budget)];
    const isEnd =
      isOver(a) ||
      done + budget >= plan.until ||
      (plan.untilText !== undefined && chunks % 64 === 0 && textOf(left).includes(plan.untilText));
    const differs = a !== b || compareSides(left, right).length > 0;
    if (differs || ((isEnd || chunks % RAM_EVERY === 0) && compareRam(left, right).length > 0)) {
      difference = await differenceAt(plan, chunks, budget);
      break;
    }
    chunks++;
    done += budget;
    if (isEnd) break;
  }
  const { end } = left.vm;
  return {
    chunks,
    instructions: left.vm.metrics().instructions,
    console: textOf(left),
    end: end && JSON.stringify(end),
    translated: right.core.translated.functions,
    difference,
  };
}
