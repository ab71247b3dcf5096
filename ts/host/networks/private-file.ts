/** Files with secrets: nobody else may read them. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { WasmvisorError } from "../../base/errors.ts";

const SECRET_BYTES_MAX = 4096;
const OTHERS = 0o077;

/** Throws `WV_CONFIG`, or `WV_AUTH` if others may read it. */
export function readPrivate(file: string): string {
  let descriptor: number;
  try {
    descriptor = openSync(file, constants.O_RDONLY);
  } catch (cause) {
    throw new WasmvisorError("WV_CONFIG", `${file}: cannot read this key`, { cause });
  }
  try {
    const { mode, size } = fstatSync(descriptor);
    if (process.platform !== "win32" && (mode & OTHERS) !== 0)
      throw new WasmvisorError("WV_AUTH", `${file}: others may read this key; chmod 600 it`);
    return size > SECRET_BYTES_MAX ? "" : readFileSync(descriptor, "utf8");
  } finally {
    closeSync(descriptor);
  }
}
