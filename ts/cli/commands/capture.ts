/** `wasmvisor capture` and `run --pcap`: what passes a vm's cards, in a file for tshark and tcpdump. */
import { closeSync, openSync, writeSync } from "node:fs";
import { WasmvisorError } from "../../base/errors.ts";
import { formatSize } from "../../base/units.ts";
import { type CaptureResult, captureLimits } from "../../host/capture.ts";
import type { VirtualMachine } from "../../host/virtual-machine.ts";
import { hostClient } from "../client.ts";
import type { CommandContext, Options } from "../context.ts";
import { EXIT_DONE } from "../exit.ts";
import { interruptSignal } from "../interrupt.ts";
import * as parse from "../options.ts";

const HEADER_BYTES = 24;

function asked(options: Options) {
  const limits = {
    duration: parse.text(options.duration),
    maxSize: parse.text(options.maxSize),
    snapBytes: parse.integer(options.snaplen, "--snaplen", 1),
  };
  captureLimits(limits);
  return limits;
}

/** Opens `file` for `use`, which is given how to add to it. */
async function written<T>(
  file: string,
  use: (add: (bytes: Uint8Array) => void) => Promise<T>,
): Promise<T> {
  let descriptor: number;
  try {
    descriptor = openSync(file, "w", 0o600); // What guests say to each other is nobody else's.
  } catch (cause) {
    throw new WasmvisorError("WV_CONFIG", `${file}: cannot write there`, { cause });
  }
  try {
    return await use((bytes) => {
      for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
    });
  } finally {
    closeSync(descriptor);
  }
}

/** Ctrl-C ends it, and leaves a whole file. */
export async function capture({ args, options, out }: CommandContext): Promise<number> {
  const [name = "", file = ""] = args;
  const limits = asked(options);
  const signal = interruptSignal();
  let bytes = 0;
  await written(file, async (add) => {
    try {
      for await (const piece of hostClient(options).capture(name, limits, signal)) {
        add(piece);
        bytes += piece.length;
      }
    } catch (error) {
      if (!signal.aborted || bytes < HEADER_BYTES) throw error;
    }
  });
  out.result({ name, file, bytes }, () => `${file}: ${formatSize(bytes, 1)} of ${name}'s network`);
  return EXIT_DONE;
}

/** Captures all that passes `vm`'s cards until the result is called. */
export function captureRun(vm: VirtualMachine, file: string): () => Promise<CaptureResult> {
  const ended = new AbortController();
  const done = written(file, (add) => vm.capture({ onBytes: add, signal: ended.signal }));
  done.catch(() => undefined); // Thrown to whoever ends it.
  return () => {
    ended.abort();
    return done;
  };
}
