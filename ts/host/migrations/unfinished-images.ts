/**
 * Images whose guest does not run here yet. Their names say which process fills them, so that whoever comes after a
 * process that was killed can tell that nobody does.
 */
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { epochMs } from "../../base/clock.ts";
import { isGone, ownProcess } from "../process-identity.ts";

const SUFFIX = ".part";
const NAME = /^(.+\.(?:img|qcow2))(?:\.([\w-]+))?\.part$/;
/** Of a machine of which nothing is known: nobody fills an image that was not written for so long. */
const STALE_MS = 24 * 3600 * 1000;

/** `$XDG_DATA_HOME/wasmvisor/disks`, or `~/.local/share/wasmvisor/disks`. */
export function defaultDiskDirectory(): string {
  const { XDG_DATA_HOME: data } = process.env;
  return join(data || join(homedir(), ".local/share"), "wasmvisor", "disks");
}

/** What `image` is called until its guest runs here. */
export function unfinishedName(image: string): string {
  const owner = ownProcess();
  const its = owner === undefined ? "" : `.${Buffer.from(owner).toString("base64url")}`;
  return `${image}${its}${SUFFIX}`;
}

/** Removes those in `directory` that nobody fills any more; returns what they were to be called. */
export function removeUnfinished(directory = defaultDiskDirectory()): string[] {
  if (!existsSync(directory)) return [];
  const removed: string[] = [];
  for (const name of readdirSync(directory)) {
    const [, image, owner = ""] = NAME.exec(name) ?? [];
    const path = join(directory, name);
    if (image === undefined || !isLeft(path, owner)) continue;
    rmSync(path, { force: true });
    if (!existsSync(join(directory, image)))
      rmSync(join(directory, `${image}.arriving`), { force: true });
    removed.push(image);
  }
  return removed;
}

function isLeft(path: string, owner: string): boolean {
  if (isGone(Buffer.from(owner, "base64url").toString())) return true;
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && epochMs() - stat.mtimeMs > STALE_MS;
}
