/** `wasmvisor memory [--share-pages]`: a host's machine memory. */
import { formatSize } from "../../base/units.ts";
import type { HostMemory, SharedPages } from "../../host/api.ts";
import { hostClient } from "../client.ts";
import type { CommandContext } from "../context.ts";
import { EXIT_DONE } from "../exit.ts";

export async function memory({ options, out }: CommandContext): Promise<number> {
  const client = hostClient(options);
  const pass = options.sharePages === true ? await client.sharePages() : undefined;
  const state = await client.memory();
  out.result(pass ? { ...state, sharePages: pass } : state, () => describe(state, pass));
  return EXIT_DONE;
}

function describe(state: HostMemory, pass: SharedPages | undefined): string {
  const lines = [
    ["total", formatSize(state.totalBytes, 1)],
    ["free", formatSize(state.freeBytes, 1)],
    ["in guests", formatSize(state.populatedBytes, 1)],
    ["saved by sharing", formatSize(state.savedBytes, 1)],
  ].map(([key = "", value = ""]) => `${key.padEnd(18)}${value}`);
  if (pass)
    lines.push(
      `${"saved just now".padEnd(18)}${formatSize(pass.savedBytes, 1)} ` +
        `(${pass.mergedPages} equal pages, ${pass.zeroPages} pages of zeros, ${pass.scannedPages} looked at)`,
    );
  return lines.join("\n");
}
