/** Files, where there is a file system: loaded only when a path is really given. */
import { WasmvisorError } from "../base/errors.ts";

/** A path, or the bytes themselves. */
export type FileSource = string | Uint8Array;

/** The bytes of `source`. Throws `WV_CONFIG` naming the file when it cannot be read. */
export async function readSource(source: FileSource, what: string): Promise<Uint8Array> {
  if (typeof source !== "string") return source;
  const { readFile } = await import("node:fs/promises");
  try {
    return await readFile(source);
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? "unreadable";
    throw new WasmvisorError("WV_CONFIG", `${what}: cannot read "${source}" (${why})`, { cause });
  }
}
