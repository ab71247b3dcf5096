import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { WasmvisorError } from "../base/errors.ts";

/** Where the package keeps its guest programs, seen from the sources and from `dist`. */
const PLACES = ["../../guests/bin/", "../../../guests/bin/"];

/** Path of one of the package's own guest programs. Throws `WV_MISSING`. */
export function findGuest(name: string): string {
  for (const place of PLACES) {
    const path = fileURLToPath(new URL(place + name, import.meta.url));
    if (existsSync(path)) return path;
  }
  throw new WasmvisorError("WV_MISSING", `guest program ${name} is not in this installation`);
}
