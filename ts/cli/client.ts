/** The host that a command is about. */
import { DEFAULT_ADDRESS } from "../host/address.ts";
import { HostClient } from "../host/daemon/client.ts";
import type { CommandContext } from "./context.ts";
import * as parse from "./options.ts";

/** `--host`, `WASMVISOR_HOST`, or the default address. */
export function hostClient(options: CommandContext["options"]): HostClient {
  const { WASMVISOR_HOST: fromEnvironment } = process.env;
  return new HostClient(parse.text(options.host) ?? fromEnvironment ?? DEFAULT_ADDRESS);
}
