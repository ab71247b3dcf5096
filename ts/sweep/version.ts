/** The version of this package, as it stands in its `package.json`. */
import { createRequire } from "node:module";

export function packageVersion(): string {
  const require = createRequire(import.meta.url);
  for (const up of ["../../package.json", "../../../package.json"]) {
    try {
      const found = require(up) as { readonly name?: string; readonly version: string };
      if (found.name === "wasmvisor") return found.version;
    } catch {
      // From the sources it is two floors up, from dist/ three.
    }
  }
  return "unknown";
}
