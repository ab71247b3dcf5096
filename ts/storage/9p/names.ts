/** Names of files are bytes, kept as one character each. */
import { NAME_BYTES_MAX } from "./messages.ts";

/** One step down: nothing that means another directory. */
export function isPlainName(name: unknown): name is string {
  return (
    typeof name === "string" &&
    name.length > 0 &&
    name.length <= NAME_BYTES_MAX &&
    name !== "." &&
    name !== ".." &&
    !/[/\0]|[^\0-\xff]/.test(name)
  );
}

/** A path as people read it. */
export function textOf(path: string): string {
  return new TextDecoder().decode(Uint8Array.from(path, (char) => char.charCodeAt(0)));
}
