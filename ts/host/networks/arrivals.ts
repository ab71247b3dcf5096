/** Tells others that a guest is at this host now: a DNS server, or a command. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Host } from "../host.ts";
import type { VirtualMachine } from "../virtual-machine.ts";

const HOOK_TIMEOUT_MS = 60_000;

/** Told of each guest once, when it runs here for the first time. `address`: the last that it said is its own. */
export type Tell = (vm: string, address: string | undefined) => Promise<string>;

export function tellArrivals(host: Host, tell: Tell, log: (line: string) => void): void {
  const say = async (vm: VirtualMachine): Promise<void> => {
    const address = vm
      .info()
      .networks.flatMap(({ addresses }) => addresses)
      .at(-1);
    try {
      log(await tell(vm.name, address));
    } catch (error) {
      log(error instanceof Error ? error.message : String(error));
    }
  };
  host.events.on("arrived", ({ vm }) => {
    if (vm.status === "running") {
      void say(vm);
      return;
    }
    const forget = vm.events.on("status", ({ status }) => {
      if (status !== "running" && status !== "gone") return;
      forget();
      if (status === "running") void say(vm);
    });
  });
}

/** `FILE VM ADDRESS`, without a shell. */
export const hookOf =
  (file: string): Tell =>
  async (vm, address = "") => {
    await promisify(execFile)(file, [vm, address], { timeout: HOOK_TIMEOUT_MS });
    return `${file} was told of ${vm}`;
  };
