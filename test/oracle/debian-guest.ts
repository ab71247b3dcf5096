/** A guest of Debian at its prompt, and what commands print there. */
import type { Host } from "../../ts/host/host.ts";
import type { VirtualMachine } from "../../ts/host/virtual-machine.ts";
import type { CreateVmOptions } from "../../ts/host/vm-config.ts";

/** Longer than anything takes on a machine that is busy. */
export const WAIT_MS = 300_000;
export const PROMPT = /\/ # $/;

/** Boots to a prompt on `host`, with 256 MiB unless `options` say otherwise. */
export async function bootDebian(host: Host, options: CreateVmOptions): Promise<VirtualMachine> {
  const vm = await host.createVm({ image: "debian", memory: "256MiB", ...options });
  await vm.start();
  await vm.console.expect(PROMPT, { timeoutMs: WAIT_MS });
  return vm;
}

/** What a command prints; `done` marks its end and cannot be its echo. */
export async function say(vm: VirtualMachine, command: string): Promise<string> {
  vm.console.write(`${command}; echo do''ne $?\n`);
  const [text] = await vm.console.expect(/[\s\S]*\ndone \d+\r?\n/, { timeoutMs: WAIT_MS });
  return text;
}
