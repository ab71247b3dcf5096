/** What passes the cards of a vm, as the bytes of a pcap file, while it runs. */
import { onAbort } from "../base/abort.ts";
import { type Clock, realTimeNs } from "../base/clock.ts";
import { WasmvisorError } from "../base/errors.ts";
import { parseSize, parseTime } from "../base/units.ts";
import type { Frame } from "../machine/nic.ts";
import { pcapHeader, pcapRecords } from "../net/pcap.ts";
import type { VmNic } from "./networks/vm-nic.ts";

/** Records that wait for a reader who is slower than the network; more are lost, and counted. */
const WAITING_BYTES_MAX = 4 << 20;
const SNAP_BYTES_MIN = 64;

export interface CaptureOptions {
  /** Ends it; without, an abort does. */
  readonly duration?: string | undefined;
  /** Of the file: `"64MiB"` (default). */
  readonly maxSize?: number | string | undefined;
  /** Bytes of each frame that are kept, at least 64; all by default. */
  readonly snapBytes?: number | undefined;
  /** Ends it early; what was told until then is whole. */
  readonly signal?: AbortSignal | undefined;
  /** The next piece of the file. */
  readonly onBytes: (bytes: Uint8Array) => void | PromiseLike<void>;
}

export interface CaptureResult {
  readonly bytes: number;
  readonly frames: number;
  /** Frames that the reader was too slow for. */
  readonly lostFrames: number;
}

interface Limits {
  readonly durationNs: number | undefined;
  readonly bytesMax: number;
  readonly snapBytes: number;
}

/** Throws `WV_CONFIG`. */
export function captureLimits(options: Omit<CaptureOptions, "onBytes" | "signal">): Limits {
  const { duration, maxSize = "64MiB", snapBytes = Number.POSITIVE_INFINITY } = options;
  if (!(snapBytes >= SNAP_BYTES_MIN))
    throw new WasmvisorError(
      "WV_CONFIG",
      `capture: expected at least ${SNAP_BYTES_MIN} bytes of each frame`,
    );
  return {
    durationNs: duration === undefined ? undefined : parseTime(duration, "duration"),
    bytesMax: typeof maxSize === "number" ? maxSize : parseSize(maxSize, "max size"),
    snapBytes,
  };
}

/** A file's bytes, as they become known and are taken. */
class Capture {
  readonly #limits: Limits;
  readonly #onBytes: CaptureOptions["onBytes"];
  readonly #end = new AbortController();
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #wake: () => void = () => undefined;
  readonly #counts = { bytes: 0, frames: 0, lostFrames: 0 };

  constructor(limits: Limits, onBytes: CaptureOptions["onBytes"]) {
    this.#limits = limits;
    this.#onBytes = onBytes;
    this.#put(pcapHeader());
  }

  get result(): CaptureResult {
    return { ...this.#counts };
  }

  hear(frame: Frame): void {
    const records = pcapRecords(frame, realTimeNs(), this.#limits.snapBytes);
    if (this.#counts.bytes + records.length > this.#limits.bytesMax) this.end();
    if (this.#end.signal.aborted) return;
    if (this.#waitingBytes + records.length > WAITING_BYTES_MAX) this.#counts.lostFrames++;
    else {
      this.#counts.frames++;
      this.#put(records);
    }
  }

  end(): void {
    this.#end.abort();
    this.#wake();
  }

  /** Settles when it has ended and all is taken. */
  async run(): Promise<void> {
    while (!this.#end.signal.aborted || this.#waiting.length > 0) {
      if (this.#waiting.length === 0)
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      const pieces = this.#waiting;
      this.#waiting = [];
      this.#waitingBytes = 0;
      for (const piece of pieces) await this.#onBytes(piece);
    }
  }

  #put(bytes: Uint8Array): void {
    this.#counts.bytes += bytes.length;
    this.#waitingBytes += bytes.length;
    this.#waiting.push(bytes);
    this.#wake();
  }
}

/** Settles when the file is whole: its time is over, it is as long as it may be, or the cards are gone. */
export async function captureNics(
  nics: readonly VmNic[],
  clock: Clock,
  options: CaptureOptions,
): Promise<CaptureResult> {
  const limits = captureLimits(options);
  if (nics.length === 0)
    throw new WasmvisorError("WV_CONFIG", "capture: this vm has no network card");
  const capture = new Capture(limits, options.onBytes);
  const undo = nics.map((nic) =>
    nic.tap(
      (frame) => capture.hear(frame),
      () => capture.end(),
    ),
  );
  undo.push(onAbort(options.signal, () => capture.end()));
  const over = new AbortController();
  const end = (): void => capture.end();
  if (limits.durationNs !== undefined)
    clock.sleep(limits.durationNs, over.signal).then(end, () => undefined);
  try {
    if (options.signal?.aborted) capture.end();
    await capture.run();
    return capture.result;
  } finally {
    over.abort();
    for (const one of undo) one();
  }
}
