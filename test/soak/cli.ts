/** `npm run soak`: runs a soak, prints a line an epoch and a table, and says with its status whether all held. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { WallClock } from "../../ts/base/clock.ts";
import { parseTime } from "../../ts/base/units.ts";
import { report } from "./report.ts";
import { type EpochReport, Soak, type SoakPlan } from "./soak.ts";
import { linux, tiny } from "./workloads.ts";

const USAGE = `npm run soak -- [options]
  --guests N         guests that are alive at a time (50)
  --hours H          virtual time of each guest (24)
  --for TIME         stop after so much of the machine's time, e.g. 30min, whatever --hours says
  --seed N           the schedule (1)
  --code-cache SIZE  small, so that it goes round (1MiB)
  --memory SIZE      machine memory (3584MiB)
  --epoch TIME       virtual time of each guest between two lines (60s), and a sixth of it is a turn
  --tiny             small guests instead of Debian
  --twice            everything again with the same seed: all digests must be the same
  --json FILE        all epochs`;

const clock = new WallClock();

function options() {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const { values } = parseArgs({
    options: {
      guests: { ...text, default: "50" },
      hours: { ...text, default: "24" },
      for: text,
      seed: { ...text, default: "1" },
      "code-cache": { ...text, default: "1MiB" },
      memory: { ...text, default: "3584MiB" },
      epoch: { ...text, default: "60s" },
      tiny: flag,
      twice: flag,
      json: text,
      help: flag,
    },
  });
  return values;
}

/** Collects garbage, so that what is resident is what is needed. */
function collector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}

function line({ counts, digest, epoch, evicted, freeBytes, guestSeconds, rssBytes }: EpochReport) {
  const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
  const { audits, beats, forks, harvests, restores, sharedPages } = counts;
  return (
    `${String(epoch).padStart(4)}  ${(guestSeconds / 3600).toFixed(1)} h  rss ${mib(rssBytes)}, ` +
    `free ${mib(freeBytes)}; ${forks} forks, ${restores} restores, ${harvests} harvests, ` +
    `${sharedPages} shared, ${evicted} evicted, ${beats} times told, ${audits} audits  ${digest.slice(0, 12)}`
  );
}

export async function main(): Promise<void> {
  const given = options();
  if (given.help) return void console.log(USAGE);
  const epochNs = parseTime(given.epoch, "--epoch");
  const limitNs =
    given.for === undefined ? Number.POSITIVE_INFINITY : parseTime(given.for, "--for");
  const scratch = await mkdtemp(join(tmpdir(), "wasmvisor-soak-"));
  const collect = collector();
  const runs: EpochReport[][] = [];
  const violations: string[] = [];
  const started = clock.nowNs();
  const epochs = Math.ceil((Number(given.hours) * 3600e9) / epochNs);
  try {
    for (let run = 0; run < (given.twice ? 2 : 1); run++) {
      const reports: EpochReport[] = [];
      runs.push(reports);
      const untilNs = clock.nowNs() + limitNs;
      const plan: SoakPlan = {
        workload: given.tiny ? tiny : linux,
        seed: Number(given.seed),
        guests: Number(given.guests),
        epochNs,
        turnNs: epochNs / 6,
        epochs: run === 0 ? epochs : (runs[0] as EpochReport[]).length,
        memory: given.memory,
        codeCache: given["code-cache"],
        scratch,
        onEpoch: (epoch) => {
          console.log(line(epoch));
          collect();
          reports.push({ ...epoch, rssBytes: process.memoryUsage().rss, violations: [] });
          return epoch.violations.length > 0 || (run === 0 && clock.nowNs() > untilNs);
        },
      };
      const { digests, violations: found } = await Soak.run(plan);
      violations.push(...found);
      const first = (runs[0] as EpochReport[]).map(({ digest }) => digest);
      if (run > 0 && digests.join() !== first.join())
        violations.push("the second run is not the same as the first");
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  if (given.json !== undefined) await writeFile(given.json, JSON.stringify(runs, null, 1));
  const verdict = report(runs, violations, {
    guests: Number(given.guests),
    wallSeconds: (clock.nowNs() - started) / 1e9,
  });
  console.log(verdict.text);
  process.exitCode = verdict.isGood ? 0 : 1;
}
