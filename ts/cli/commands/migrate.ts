/** `wasmvisor migrate`: a running vm to another host. */
import { formatSize, formatTime } from "../../base/units.ts";
import type { RemoteOutcome } from "../../host/daemon/client.ts";
import { STRATEGIES } from "../../migrate/options.ts";
import type { RoundStats } from "../../migrate/stats.ts";
import { hostClient } from "../client.ts";
import type { CommandContext } from "../context.ts";
import { EXIT_DONE, EXIT_FAILED } from "../exit.ts";
import { interruptSignal } from "../interrupt.ts";
import * as parse from "../options.ts";

export async function migrate({ args, options, out }: CommandContext): Promise<number> {
  const [name, target] = args as [string, string];
  const move = {
    target,
    strategy: parse.oneOf(options.strategy, STRATEGIES, "--strategy"),
    bandwidth: parse.text(options.bandwidth),
    downtime: parse.text(options.downtime),
    roundsMax: parse.integer(options.rounds, "--rounds", 1),
    timeout: parse.text(options.timeout),
  };
  const outcome = await hostClient(options).migrate(name, move, {
    signal: interruptSignal(),
    onRound: (round) => {
      out.event({ round });
      if (!out.isJson) out.log(roundLine(round));
    },
  });
  out.result({ outcome }, () =>
    outcome.state === "completed" ? doneLine(name, target, outcome) : "",
  );
  if (outcome.state === "completed") return EXIT_DONE;
  out.log(`wasmvisor: ${name}: ${outcome.state}: ${outcome.error?.message ?? "no reason given"}`);
  return EXIT_FAILED;
}

function roundLine({
  bytes,
  durationNs,
  normalPages,
  remainingPages,
  round,
  zeroPages,
}: RoundStats): string {
  const pages = `${normalPages} pages and ${zeroPages} zero pages`;
  return `round ${round}: ${pages}, ${formatSize(bytes, 1)} in ${formatTime(durationNs, 1)}, ${remainingPages} left`;
}

function doneLine(name: string, target: string, { stats }: RemoteOutcome): string {
  const total = formatTime(stats["total-time"] * 1e6, 1);
  const downtime = formatTime(stats.downtime * 1e6, 1);
  const sent = formatSize(stats.ram.transferred, 1);
  return `${name} runs at ${target}: ${total}, downtime ${downtime}, ${sent} sent in ${stats.rounds.length} rounds`;
}
