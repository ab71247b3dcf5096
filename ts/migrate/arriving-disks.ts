/** The target's side of disks that are copied along: blocks that come, and those that are asked for. */
import { WasmvisorError } from "../base/errors.ts";
import { type Task, wait } from "../base/task.ts";
import type { ArrivingDisk, OnDemandDisk } from "../machine/moving-disk.ts";
import {
  type DiskShape,
  decodeBlockMap,
  decodeBlocks,
  diskOf,
  encodeBlockRequest,
} from "./block-frames.ts";
import type { Outbox } from "./connection.ts";
import { FRAME_BLOCK_REQUEST, type Frame, streamError } from "./stream.ts";

/** A disk whose blocks follow the guest. */
interface Following {
  readonly disk: ArrivingDisk;
  readonly onDemand: OnDemandDisk;
  /** Blocks that somebody waits for. */
  readonly wanted: Set<number>;
  /** Those of them to ask for with the next BLOCK_REQUEST. */
  asked: number[];
}

export class ArrivingDisks {
  readonly #disks: readonly ArrivingDisk[];
  readonly #following: Following[] = [];
  #outbox: Outbox | undefined;
  /** Blocks that came, zeros among them. */
  #blocks = 0;
  /** Called when the guest has written blocks that were missing. */
  onOverwritten: () => void = () => undefined;

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

  /** Blocks that have not arrived. */
  get missingBlocks(): number {
    return this.#following.reduce((sum, { onDemand }) => sum + onDemand.missing.size, 0);
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

  /** The guest goes without these blocks. */
  *leaveOut(frame: Frame): Task<void> {
    const disk = diskOf(frame, this.#disks);
    const { onDemand } = disk;
    if (!onDemand || this.#following.some((one) => one.disk === disk))
      throw streamError(frame, "LEFT_BLOCKS out of turn");
    const its: Following = { disk, onDemand, wanted: new Set(), asked: [] };
    const watcher = {
      onMissing: (block: number) => this.#want(its, block),
      onOverwritten: () => this.onOverwritten(),
    };
    yield* wait(onDemand.expect(decodeBlockMap(frame, disk.bytes), watcher));
    this.#following.push(its);
  }

  /** Blocks for a guest that runs. */
  *place(frame: Frame): Task<void> {
    const { index } = diskOf(frame, this.#disks);
    const its = this.#following.find(({ disk }) => disk.index === index);
    if (!its) throw streamError(frame, `BLOCKS: nothing of disk ${index} follows`);
    for (const { block, content } of decodeBlocks(frame, its.disk.bytes)) {
      its.wanted.delete(block);
      yield* wait(its.onDemand.place(block, content));
    }
  }

  /** Whoever waits asks over this one from now on. */
  use(outbox: Outbox): void {
    this.#outbox = outbox;
    for (const its of this.#following) {
      its.asked = [];
      for (const block of its.wanted)
        if (its.onDemand.missing.has(block)) this.#ask(its, block);
        else its.wanted.delete(block);
    }
  }

  #want(its: Following, block: number): void {
    its.wanted.add(block);
    this.#ask(its, block);
  }

  #ask(its: Following, block: number): void {
    its.asked.push(block);
    if (!this.#outbox || its.asked.length > 1) return;
    this.#outbox.postFirst(FRAME_BLOCK_REQUEST, () => {
      const { asked } = its;
      its.asked = [];
      return [encodeBlockRequest(its.disk.index, asked)];
    });
  }

  /** What has not arrived, a bitmap for each that follows. */
  lacking(): Uint8Array[] {
    return this.#following.map(({ onDemand }) => onDemand.missing.save());
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

  /** The source has been told that the guest runs here. */
  *settle(): Task<void> {
    for (const disk of this.#disks) yield* wait(disk.settle());
  }

  /** All has arrived: the source's copy is needed no more. */
  *finish(): Task<void> {
    for (const { onDemand } of this.#following) yield* wait(onDemand.finish());
  }
}
