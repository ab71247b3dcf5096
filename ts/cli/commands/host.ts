/** `wasmvisor host`: the daemon of one host. */
import { formatSize } from "../../base/units.ts";
import { DEFAULT_ADDRESS } from "../../host/address.ts";
import { Daemon } from "../../host/daemon/server.ts";
import { Host } from "../../host/host.ts";
import type { CommandContext } from "../context.ts";
import { EXIT_DONE, EXIT_INTERRUPTED } from "../exit.ts";
import * as parse from "../options.ts";

export async function host({ options, out }: CommandContext): Promise<number> {
  const listen = parse.text(options.listen) ?? DEFAULT_ADDRESS;
  const its = await Host.create({
    memory: parse.text(options.memory),
    seed: parse.integer(options.seed, "--seed"),
  });
  const daemon = await Daemon.listen(its, { listen, log: (line) => out.log(`wasmvisor: ${line}`) });
  const { address } = daemon;
  out.event({ event: "listening", address, freeBytes: its.freeBytes });
  out.log(`wasmvisor: host at ${address}, ${formatSize(its.freeBytes, 1)} for guests`);
  const signal = await new Promise<string>((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
  await daemon.close();
  return signal === "SIGINT" ? EXIT_INTERRUPTED : EXIT_DONE;
}
