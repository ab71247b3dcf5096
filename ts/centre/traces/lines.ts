/** Lines of a file, plain or gzipped, as they come: a line that never ends is refused, not kept. */
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { WasmvisorError } from "../../base/errors.ts";

/** No format has lines that are nearly as long. */
const LINE_BYTES_MAX = 1 << 20;

/** Throws `WV_BAD_TRACE`: where, what, and what to do about it. */
export function badTrace(file: string, line: number, column: number, what: string): never {
  throw new WasmvisorError("WV_BAD_TRACE", `${file}:${line}:${column}: ${what}`);
}

/** The lines of a file, without their ends; empty ones, too. */
export async function* linesOf(file: string): AsyncGenerator<string> {
  const raw = createReadStream(file, { highWaterMark: 1 << 16 });
  const bytes = file.endsWith(".gz") ? raw.pipe(createGunzip()) : raw;
  raw.on("error", (error) => bytes.destroy(error));
  const decoder = new TextDecoder();
  let rest = "";
  let count = 0;
  try {
    for await (const chunk of bytes) {
      rest += decoder.decode(chunk as Uint8Array, { stream: true });
      let from = 0;
      for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n", from)) {
        count++;
        yield rest.slice(from, rest[end - 1] === "\r" ? end - 1 : end);
        from = end + 1;
      }
      rest = rest.slice(from);
      if (rest.length > LINE_BYTES_MAX)
        badTrace(
          file,
          count + 1,
          1,
          `a line of more than ${LINE_BYTES_MAX} bytes; is this the right file?`,
        );
    }
  } catch (error) {
    if (error instanceof WasmvisorError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    badTrace(
      file,
      count + 1,
      1,
      `cannot be read (${code ?? message}); check the path, or fetch it again`,
    );
  } finally {
    raw.destroy();
  }
  if (rest !== "") yield rest;
}
