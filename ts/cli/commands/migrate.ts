/** `wasmvisor migrate`: running vms to another host; `migrate-recover`: the rest of one that went. */
import { WasmvisorError } from "../../base/errors.ts";
import { formatByteRate, formatSize, formatTime } from "../../base/units.ts";
import type { RemoteOutcome } from "../../host/daemon/client.ts";
import type { MigrationAdvice } from "../../host/migrations/advisor.ts";
import type { MigrationProgress } from "../../host/migrations/jobs.ts";
import { GUEST_PAGE_BYTES } from "../../machine/migratable.ts";
import type { RoundStats } from "../../migrate/stats.ts";
import { hostClient } from "../client.ts";
import type { CommandContext, Options } from "../context.ts";
import { describeError, EXIT_DONE, EXIT_FAILED, exitStatusOf } from "../exit.ts";
import { interruptSignal } from "../interrupt.ts";
import { type Move, moveOptions } from "../migrate-options.ts";
import * as parse from "../options.ts";

/** The exit status is that of the first vm, as they were named, that did not move. */
export async function migrate(context: CommandContext): Promise<number> {
  const { args, options } = context;
  const names = args.slice(0, -1);
  const target = args.at(-1) as string;
  if (names.length === 0)
    throw new WasmvisorError("WV_CONFIG", "migrate: expected names of vms, then a target");
  if (new Set(names).size !== names.length)
    throw new WasmvisorError("WV_CONFIG", "migrate: a vm is named twice");
  const parallel = parse.integer(options.parallel, "--parallel", 1) ?? names.length;
  const mover = new Mover(context, moveOptions(options, target));
  if (names.length === 1) return mover.move(names[0] as string);
  const status = names.map(() => EXIT_DONE);
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < names.length; i = next++)
      status[i] = await mover
        .move(names[i] as string)
        .catch((error) => mover.failed(names[i], error));
  };
  await Promise.all(Array.from({ length: Math.min(parallel, names.length) }, worker));
  return status.find((one) => one !== EXIT_DONE) ?? EXIT_DONE;
}

/** Goes on with a post-copy that is paused, to where its guest runs. */
export async function recover(context: CommandContext): Promise<number> {
  const { args, options } = context;
  const name = args[0] as string;
  const all = await hostClient(options).migrations();
  const paused = all.find((one) => one.name === name && one.state === "paused");
  if (!paused)
    throw new WasmvisorError("WV_STATE", `${name}: no post-copy of it is paused on this host`);
  const { WASMVISOR_TARGET_TOKEN: token } = process.env;
  const { target } = paused;
  return new Mover(context, { target, token: parse.text(options.targetToken) ?? token }).move(name);
}

class Mover {
  readonly #out: CommandContext["out"];
  readonly #options: Options;
  readonly #move: Move;
  readonly #signal = interruptSignal();
  readonly #progress = new Map<string, MigrationProgress>();
  readonly #totals = new Map<string, number>();

  constructor({ options, out }: CommandContext, move: Move) {
    this.#options = options;
    this.#out = out;
    this.#move = move;
  }

  async move(name: string): Promise<number> {
    const out = this.#out;
    const client = hostClient(this.#options);
    if (!out.isJson && process.stderr.isTTY) {
      const info = await client.info(name);
      this.#totals.set(name, info.populatedBytes);
    }
    try {
      const outcome = await client.migrate(name, this.#move, {
        signal: this.#signal,
        onAdvice: (advice) => this.#tell(name, { advice }, () => adviceLine(advice)),
        onRound: (round) => this.#tell(name, { round }, () => roundLine(round)),
        onProgress: (progress) => this.#show(name, progress),
      });
      return this.#done(name, outcome);
    } finally {
      this.#progress.delete(name);
      out.progressDone();
    }
  }

  /** With several vms, every line says of which it is. */
  #tell(name: string, event: object, line: () => string): void {
    this.#out.event({ vm: name, ...event });
    if (this.#out.isJson) return;
    this.#out.progressDone();
    this.#out.log(`${name}: ${line()}`);
  }

  #show(name: string, progress: MigrationProgress): void {
    this.#out.event({ vm: name, progress });
    this.#progress.set(name, progress);
    const all = [...this.#progress.values()];
    this.#out.progress(
      all.map((one) => progressText(one, this.#totals.get(one.name))).join("  |  "),
    );
  }

  #done(name: string, outcome: RemoteOutcome): number {
    const isDone = outcome.state === "completed";
    this.#out.progressDone();
    this.#out.result({ vm: name, outcome }, () =>
      isDone ? doneLine(name, this.#move.target, outcome) : "",
    );
    if (isDone) return EXIT_DONE;
    const why = outcome.error?.message ?? "no reason given";
    this.#out.log(`wasmvisor: ${name}: ${outcome.state}: ${why}`);
    return EXIT_FAILED;
  }

  /** One of several did not even begin: the others go on. */
  failed(name: string | undefined, error: unknown): number {
    const { code, message } = describeError(error);
    this.#out.event({ vm: name, error: { code, message } });
    this.#out.log(`wasmvisor: ${name}: ${message}`);
    return exitStatusOf(error);
  }
}

function progressText(one: MigrationProgress, totalBytes: number | undefined): string {
  if (one.position !== undefined) return `${one.name} waits (${one.position + 1})`;
  const sent = formatSize(one.sentBytes, 0);
  const rate = formatByteRate(one.bytesPerSec, 0);
  const left = formatSize((one.remainingPages ?? 0) * GUEST_PAGE_BYTES, 0);
  if (one.phase === "recovery") return `${one.name} seeks its target, ${left} of it are still here`;
  const disks = one.disks && diskText(one.disks);
  if (one.phase === "activation")
    return `${one.name} is there: ${left} follow at ${rate}${disks ? `, ${disks}` : ""}`;
  if (disks && one.phase !== "stop-and-copy" && one.round === undefined)
    return `${one.name} ${disks}, ${sent} sent at ${rate}`;
  if (one.stall) {
    const [dirtied, moved] = [one.stall.dirtyBytesPerSec, one.stall.sentBytesPerSec];
    const why = `dirtying ${formatByteRate(dirtied, 0)}, sending ${formatByteRate(moved, 0)}`;
    return `${one.name} round ${(one.round ?? 0) + 1} does not converge: ${why}, ${left} left`;
  }
  if (one.round !== undefined)
    return `${one.name} round ${one.round + 1}: ${sent} sent at ${rate}, ${left} left`;
  const share = totalBytes
    ? `${Math.min(99, Math.floor((100 * one.sentBytes) / totalBytes))}%, `
    : "";
  return `${one.name} round 1: ${share}${sent} sent at ${rate}`;
}

function diskText(disks: NonNullable<MigrationProgress["disks"]>): string {
  const { limitBytesPerSec, remainingBytes, totalBytes } = disks;
  const share = Math.max(0, Math.floor(100 * (1 - remainingBytes / totalBytes)));
  const held =
    limitBytesPerSec === undefined ? "" : `, writes held to ${formatByteRate(limitBytesPerSec, 0)}`;
  return `disks ${share}%: ${formatSize(remainingBytes, 0)} left${held}`;
}

function adviceLine({ choice, fits, link, reason, writer }: MigrationAdvice): string {
  const rate = `${Math.round(writer.dirtyRate)} pages/s ${writer.distribution}`;
  const where = `in ${formatSize(writer.workingSetBytes, 0)}`;
  const speed = `${formatByteRate(link.bytesPerSec, 0)} (${link.source})`;
  const doubt = fits === "yes" ? "" : fits === "maybe" ? ", perhaps" : ", but it is too long";
  return `chose ${choice}${doubt}: it writes ${rate} ${where}, the link moves ${speed}: ${reason}`;
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
  const how = `${total}, downtime ${downtime}, ${sent} sent in ${stats.rounds.length} rounds`;
  return `${name} runs at ${target}: ${how}${detailsOf(stats)}${disksOf(stats)}`;
}

function disksOf({ disk }: RemoteOutcome["stats"]): string {
  if (!disk) return "";
  const fetched = disk["postcopy-requests"];
  const heldNs = disk["throttled-time"] * 1e6;
  const of = `${formatSize(disk.transferred, 1)} of ${formatSize(disk.total, 1)}`;
  const passes = disk["dirty-sync-count"] > 0 ? ` in ${disk["dirty-sync-count"]} passes` : "";
  const held = heldNs > 0 ? `, writes held for ${formatTime(heldNs, 1)}` : "";
  return `; disks: ${of}${passes}${held}${fetched > 0 ? `, ${fetched} blocks fetched` : ""}`;
}

/** What not every migration has. */
function detailsOf(stats: RemoteOutcome["stats"]): string {
  const pages = stats["xbzrle-cache"].pages;
  const compressed = stats.compression["compressed-size"];
  const details: readonly (readonly [number, string])[] = [
    [pages, `${pages} pages as differences`],
    [compressed, `packed ${stats.compression["compression-rate"]} to 1`],
    [stats["identical-pages"], `${stats["identical-pages"]} identical pages`],
    [stats["throttled-time"], `held back for ${formatTime(stats["throttled-time"] * 1e6, 1)}`],
    [stats.channels > 1 ? stats.channels : 0, `over ${stats.channels} connections`],
    [stats.ram.faults, `${stats.ram.faults} page faults`],
    [stats.checkpoints, `${stats.checkpoints} checkpoints`],
    [stats.recoveries, `${stats.recoveries} recoveries`],
  ];
  return details.map(([count, text]) => (count > 0 ? `, ${text}` : "")).join("");
}
