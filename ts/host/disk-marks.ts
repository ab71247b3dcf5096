/**
 * Images that went to another host with their guest: what is here is what they were. A file beside such an image
 * says so, and it is not opened for writing until that has gone.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { WasmvisorError } from "../base/errors.ts";

export interface MovedMark {
  readonly vm: string;
  /** The host that it went to. */
  readonly target: string;
  /** The migration, as both hosts call it. */
  readonly id: string;
  /** `committing`: nobody here knows yet whether it runs there. */
  readonly state: "committing" | "moved";
}

const pathOf = (image: string): string => `${image}.moved`;

/** From now on, and also after a crash, `image` is known to be of a guest that is elsewhere. */
export function markMoved(image: string, mark: MovedMark): void {
  const file = openSync(pathOf(image), "w");
  try {
    writeSync(file, `${JSON.stringify(mark)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  syncDirectory(dirname(image));
}

/** Its guest is here. */
export function clearMark(image: string): void {
  rmSync(pathOf(image), { force: true });
}

/** Throws `WV_DISK` if the guest of `image` went elsewhere. */
export function checkMark(image: string): void {
  const path = pathOf(image);
  if (!existsSync(path)) return;
  throw new WasmvisorError(
    "WV_DISK",
    `disk "${image}": ${describe(path)}; what is here is older. Open it with ,ro or ,overlay, ` +
      `or remove "${path}" if you want it back as it was`,
  );
}

function describe(path: string): string {
  try {
    const { state, target, vm } = JSON.parse(readFileSync(path, "utf8")) as MovedMark;
    const where = `it went with "${vm}" to ${target}`;
    return state === "moved" ? where : `perhaps ${where}, see there`;
  } catch {
    return "it went elsewhere with its guest";
  }
}

/** Names of files in `directory` survive a power failure. */
export function syncDirectory(directory: string): void {
  const file = openSync(directory, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
