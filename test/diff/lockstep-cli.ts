/**
 * `npm run lockstep -- ...`: a guest under the interpreter and another engine, the state compared after
 * each budget. Ends with 1 at the first difference.
 *
 *   --bare ELF | --kernel FILE [--initrd FILE] | --image NAME | --programs N   what runs
 *   --append TEXT  --memory MiB  --cpus N
 *   --engine auto|translator  --sampling INTERVAL,THRESHOLD
 *   --seed N  --budget N,N,...  --until UNITS  --text TEXT (stop when it is on the console)
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Engine } from "../../bindings/core.ts";
import { resolveImage } from "../../ts/image/store.ts";
import { type LockstepPlan, lockstep } from "./lockstep.ts";
import {
  coreBytesFor,
  createCore,
  type GuestOptions,
  randomPrograms,
  startGuest,
} from "./lockstep-guest.ts";
import { describeDifference } from "./lockstep-report.ts";

const PROGRAMS_PER_ELF = 64;
const BUDGETS = [1, 255, 256, 997, 10_007, 10_007, 100_003];

function options() {
  const { values } = parseArgs({
    options: {
      bare: { type: "string" },
      kernel: { type: "string" },
      initrd: { type: "string" },
      image: { type: "string" },
      programs: { type: "string" },
      append: { type: "string", default: "" },
      memory: { type: "string", default: "128" },
      cpus: { type: "string", default: "1" },
      engine: { type: "string", default: "auto" },
      sampling: { type: "string" },
      seed: { type: "string" },
      budget: { type: "string" },
      until: { type: "string", default: "1000000000" },
      text: { type: "string" },
    },
  });
  return values;
}

type Options = ReturnType<typeof options>;

async function guestOf(given: Options): Promise<GuestOptions> {
  const common = { memoryBytes: Number(given.memory) << 20, vcpus: Number(given.cpus) };
  if (given.image !== undefined) {
    const image = await resolveImage(given.image);
    const [kernel, initrd] = [readFileSync(image.kernel), readFileSync(image.initrd)];
    return { ...common, kernel, initrd, append: `${image.cmdline} ${given.append}`.trim() };
  }
  const file = given.bare ?? given.kernel;
  if (file === undefined) throw new RangeError("give one of --bare, --kernel, --image, --programs");
  const initrd = given.initrd === undefined ? undefined : readFileSync(given.initrd);
  const isBare = given.bare !== undefined;
  return { ...common, kernel: readFileSync(file), initrd, append: given.append, isBare };
}

function planOf(given: Options, guest: GuestOptions, seed: number): LockstepPlan {
  const sampling = given.sampling?.split(",").map(Number);
  const start = (engine: Engine) => async () =>
    startGuest(
      await createCore({
        engine,
        sampling:
          sampling && engine !== "interpreter" ? [sampling[0] ?? 0, sampling[1] ?? 1] : undefined,
        memoryBytes: coreBytesFor(guest.memoryBytes),
      }),
      guest,
    );
  return {
    start: [start("interpreter"), start(given.engine as Engine)],
    seed,
    budgets: given.budget?.split(",").map(Number) ?? BUDGETS,
    until: Number(given.until),
    untilText: given.text,
  };
}

async function run(plan: LockstepPlan): Promise<boolean> {
  const started = performance.now();
  const result = await lockstep(plan);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `seed ${plan.seed}: ${result.instructions} instructions in ${result.chunks} chunks, ${result.translated} functions translated, ${seconds} s, ${result.end ?? "still running"}`,
  );
  if (!result.difference) return true;
  console.log(await describeDifference(plan, result.difference));
  return false;
}

export async function main(): Promise<void> {
  const given = options();
  const seed = Number(given.seed ?? Date.now() % 2 ** 31);
  let agrees = true;
  if (given.programs === undefined) agrees = await run(planOf(given, await guestOf(given), seed));
  const programs = Number(given.programs ?? 0);
  for (let done = 0, next = seed; done < programs && agrees; next++) {
    const count = Math.min(PROGRAMS_PER_ELF, programs - done);
    agrees = await run(planOf(given, randomPrograms(next, count), next));
    done += count;
  }
  console.log(agrees ? "no difference" : "the engines differ");
  if (!agrees) process.exitCode = 1;
}
