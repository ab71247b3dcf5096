/** Takes vms in that come over channels; one for a host. */
import { promiseOf } from "../base/task.ts";
import type { Channel } from "../migrate/channel.ts";
import { MigrationLedger } from "../migrate/ledger.ts";
import { receiveMigration, type TargetResult } from "../migrate/target.ts";
import type { MigratableVm } from "../vmm/migratable-vm.ts";
import type { Host } from "./host.ts";

export class MigrationReceiver {
  readonly #host: Host;
  readonly #ledger = new MigrationLedger();

  constructor(host: Host) {
    this.#host = host;
  }

  /** Throws `WV_LIMIT` if as many vms come already as may. */
  checkRoom(): void {
    this.#host.jobs.checkRoom();
  }

  /** Serves one channel. Never rejects. The vm is listed from the moment on at which it runs here. */
  async receive(channel: Channel, signal?: AbortSignal): Promise<TargetResult> {
    let guest: MigratableVm | undefined;
    let release = (): void => undefined;
    let leave = (): void => undefined;
    const result = await promiseOf(
      receiveMigration(channel, {
        clock: this.#host.clock,
        ledger: this.#ledger,
        signal,
        accept: async (hello) => {
          leave = this.#host.jobs.arrive();
          const twin = await this.#host.buildTwin(hello.shape.config);
          release = this.#host.reserve(twin.name);
          twin.events.on("status", ({ status }) => {
            if (status !== "running" || guest === undefined) return;
            release();
            this.#host.adopt(twin);
          });
          guest = twin.migratable();
          return guest;
        },
      }),
    );
    release();
    leave();
    guest?.release();
    guest = undefined;
    return result;
  }
}
