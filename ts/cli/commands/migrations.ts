/**
 * `wasmvisor migrations`, and orders to them: `migrate-cancel`, `migrate-postcopy`, `migrate-pause`, `migrate-set`.
 */
import { formatByteRate, formatSize, formatTime } from "../../base/units.ts";
import { changedLimits } from "../../host/migrations/changes.ts";
import type { MigrationProgress } from "../../host/migrations/jobs.ts";
import { GUEST_PAGE_BYTES } from "../../machine/migratable.ts";
import { hostClient } from "../client.ts";
import type { CommandContext } from "../context.ts";
import { EXIT_DONE } from "../exit.ts";
import * as parse from "../options.ts";
import { columns } from "../output.ts";

const HEAD = ["NAME", "STATE", "PHASE", "PRIORITY", "TARGET", "FOR", "SENT", "RATE", "LEFT"];

function row(one: MigrationProgress): string[] {
  const state = one.position === undefined ? one.state : `${one.state} (${one.position + 1})`;
  return [
    one.name,
    state,
    one.phase ?? "-",
    String(one.priority),
    one.target,
    formatTime(one.elapsedNs, 0),
    formatSize(one.sentBytes, 1),
    formatByteRate(one.bytesPerSec, 1),
    one.remainingPages === undefined ? "-" : formatSize(one.remainingPages * GUEST_PAGE_BYTES, 1),
  ];
}

export async function migrations({ options, out }: CommandContext): Promise<number> {
  const all = await hostClient(options).migrations();
  out.result(all, () => columns(HEAD, all.map(row)));
  return EXIT_DONE;
}

export async function cancel({ args, options, out }: CommandContext): Promise<number> {
  const name = args[0] as string;
  await hostClient(options).cancelMigration(name);
  out.result({ name, status: "cancelled" }, () => `${name}: its migration was cancelled`);
  return EXIT_DONE;
}

/** Changes limits of a migration under way. */
export async function set({ args, options, out }: CommandContext): Promise<number> {
  const name = args[0] as string;
  const changes = {
    bandwidth: parse.text(options.bandwidth),
    downtime: parse.text(options.downtime),
  };
  changedLimits(changes);
  const progress = await hostClient(options).setMigration(name, changes);
  const said = Object.entries(changes).filter(([, value]) => value !== undefined);
  out.result(progress, () => `${name}: ${said.map((one) => one.join(" ")).join(", ")} from now on`);
  return EXIT_DONE;
}

async function order(
  { args, options, out }: CommandContext,
  what: "postcopy" | "pause",
  done: string,
): Promise<number> {
  const name = args[0] as string;
  const progress = await hostClient(options).orderMigration(name, what);
  out.result(progress, () => `${name}: ${done}`);
  return EXIT_DONE;
}

export const startPostCopy = (context: CommandContext): Promise<number> =>
  order(context, "postcopy", "it goes as soon as it can, and the rest follows");

export const pausePostCopy = (context: CommandContext): Promise<number> =>
  order(context, "pause", "its post-copy is paused; wasmvisor migrate-recover goes on with it");
