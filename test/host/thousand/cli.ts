/** npm run test:thousand -- [--guests N] [--seed N] */
import { parseArgs } from "node:util";
import { STRATEGIES } from "../../../ts/migrate/options.ts";
import { emptyHost } from "./run.ts";

const worst = (values: readonly number[]): string => (Math.max(0, ...values) / 1e6).toFixed(2);

export async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      guests: { type: "string", default: "1000" },
      seed: { type: "string", default: "1" },
    },
  });
  const guests = Number(values.guests);
  const seed = Number(values.seed);
  if (!Number.isSafeInteger(guests) || !Number.isSafeInteger(seed) || guests < 1)
    throw new RangeError("--guests and --seed: expected whole numbers");
  const { alive, moved } = await emptyHost(guests, seed);
  console.log("| strategy | guests | asleep | equal to the twin | alive | longest downtime, ms |");
  console.log("| --- | --- | --- | --- | --- | --- |");
  for (const strategy of STRATEGIES) {
    const ours = moved.filter((one) => one.strategy === strategy);
    const cells = [
      ours.length,
      ours.filter(({ slept }) => slept).length,
      ours.filter(({ isEqual }) => isEqual).length,
      ours.filter(({ index }) => alive[index]).length,
      worst(ours.map(({ stats }) => stats.downtimeNs)),
    ];
    console.log(`| ${strategy} | ${cells.join(" | ")} |`);
  }
  for (const { guest, index, strategy } of moved.filter(({ index }) => !alive[index]))
    console.log(`guest ${index}, ${strategy}, does not answer: ${JSON.stringify(guest.text)}`);
  const good = moved.filter(({ index, isEqual }) => isEqual && alive[index]);
  const slept = moved.filter((one) => one.slept).length;
  console.log(
    `seed ${seed}: ${good.length} of ${guests} alive and byte-equal, ${slept} of them asleep at the switch-over`,
  );
  if (good.length < guests || slept < Math.floor(guests / 2)) process.exitCode = 1;
}
