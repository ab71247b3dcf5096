/** The target's side of disks that are copied along. */
import { WasmvisorError } from "../base/errors.ts";
import { type Task, wait } from "../base/task.ts";
import type { ArrivingDisk } from "../machine/moving-disk.ts";
import { type DiskShape, decodeBlocks, diskOf } from "./block-frames.ts";
import { type Frame, streamError } from "./stream.ts";

export class ArrivingDisks {
  readonly #disks: readonly ArrivingDisk[];
  /** Blocks that came, zeros among them. */
  #blocks = 0;

  constructor(disks: readonly ArrivingDisk[]) {
    this.#disks = disks;
  }

  get count(): number {
    return this.#disks.length;
  }

  /** Can all of them follow their guest? */
  get canFollow(): boolean {
    return this.count > 0 && this.#disks.every(({ onDemand }) => onDemand !== undefined);
  }

  /** Throws `WV_CONFIG` if others come than there is room for. */
  check(announced: readonly DiskShape[]): void {
    for (const { bytes, index } of this.#disks)
      if (announced.find((one) => one.index === index)?.bytes !== bytes)
        throw new WasmvisorError("WV_CONFIG", `disk ${index} of ${bytes} bytes: another one comes`);
  }

  /** Blocks for a guest that does not run here yet. */
  *write(frame: Frame): Task<void> {
    const disk = diskOf(frame, this.#disks);
    for (const { block, content } of decodeBlocks(frame, disk.bytes)) {
      yield* wait(content ? disk.write(block, content) : disk.zero(block));
      this.#blocks++;
    }
  }

  checkEnd(frame: Frame, blocks: number): void {
    if (blocks !== this.#blocks)
      throw streamError(frame, `END: ${blocks} blocks were sent, ${this.#blocks} came`);
  }

  *flush(): Task<void> {
    for (const disk of this.#disks) yield* wait(disk.flush());
  }

  /** The guest is about to run here. */
  *keep(): Task<void> {
    for (const disk of this.#disks) yield* wait(disk.keep());
  }
}
