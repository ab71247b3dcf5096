/** Takes vms in that come over channels; one for a host. */
import { WasmvisorError } from "../base/errors.ts";
import { promiseOf } from "../base/task.ts";
import type { DiskShape } from "../migrate/block-frames.ts";
import type { Channel } from "../migrate/channel.ts";
import { MigrationLedger } from "../migrate/ledger.ts";
import { receiveMigration, type TargetResult } from "../migrate/target.ts";
import type { MigratableVm } from "../vmm/migratable-vm.ts";
import type { Host } from "./host.ts";
import type { ArrivingImages } from "./migrations/arriving-images.ts";
import { deflatePacker } from "./migrations/deflate.ts";
import type { VirtualMachine } from "./virtual-machine.ts";

/** Makes an empty vm of a config, with images for the disks that come. */
type Build = (config: Uint8Array, images?: ArrivingImages) => Promise<VirtualMachine>;

export class MigrationReceiver {
  readonly #host: Host;
  readonly #ledger = new MigrationLedger();
  readonly #sourceTimeoutNs: number;

  /** `sourceTimeoutNs`: a guest is lost when the source of its pages does not come back for this long. */
  constructor(host: Host, sourceTimeoutNs = Number.POSITIVE_INFINITY) {
    this.#host = host;
    this.#sourceTimeoutNs = sourceTimeoutNs;
  }

  /**
   * Serves one channel on which a vm may come. `isSourceLost`: is its source known to be gone for good? Throws
   * `WV_LIMIT` at once if as many come already as may.
   */
  receive(
    channel: () => Channel,
    isSourceLost?: (() => boolean) | undefined,
  ): Promise<TargetResult> {
    const leave = this.#host.jobs.arrive();
    const build: Build = (config, images) =>
      this.#host.buildTwin(config, { images, arrives: true });
    return this.#serve(channel(), build, isSourceLost).finally(leave);
  }

  /** Serves one channel on which somebody asks what became of a vm: whoever does that is always heard. */
  answer(channel: Channel): Promise<TargetResult> {
    return this.#serve(channel, () => {
      throw new WasmvisorError("WV_STATE", "here is only told what became of a vm");
    });
  }

  /** Never rejects. The vm is listed from the moment on at which it runs here. */
  async #serve(
    channel: Channel,
    build: Build,
    isSourceLost?: () => boolean,
  ): Promise<TargetResult> {
    let images: ArrivingImages | undefined;
    let guest: MigratableVm | undefined;
    let release = (): void => undefined;
    let isListed = false;
    const result = await promiseOf(
      receiveMigration(channel, {
        clock: this.#host.clock,
        ledger: this.#ledger,
        packer: deflatePacker(),
        sourceTimeoutNs: this.#sourceTimeoutNs,
        isSourceLost,
        accept: async (hello) => {
          await this.#host.rehearsed();
          images = await this.#imagesFor(hello.disks ?? []);
          const twin = await build(hello.shape.config, images);
          release = this.#host.reserve(twin.name);
          twin.events.on("status", ({ status }) => {
            // Pages may still follow while its user pauses and resumes it.
            if (status !== hello.arrives || guest === undefined || isListed) return;
            isListed = true;
            release();
            this.#host.adopt(twin);
          });
          guest = twin.migratable(hello.arrives);
          guest.arrivingDisks = images?.arriving;
          return guest;
        },
      }),
    );
    release();
    guest?.release();
    guest = undefined;
    if (result.state === "discarded") images?.discard();
    return result;
  }

  async #imagesFor(disks: readonly DiskShape[]): Promise<ArrivingImages | undefined> {
    if (disks.length === 0) return undefined;
    const { ArrivingImages: Images } = await import("./migrations/arriving-images.ts");
    return new Images(disks, this.#host.jobs.diskDirectory);
  }
}
