/** The host that a command is about, and what is shown to it. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { DEFAULT_ADDRESS } from "../host/address.ts";
import { HostClient } from "../host/daemon/client.ts";
import type { CommandContext } from "./context.ts";
import * as parse from "./options.ts";

type Options = CommandContext["options"];

/** Directory of certificates: `--tls`, `WASMVISOR_TLS`, or the user's own if there is one. */
export function tlsFolder(options: Options): string | undefined {
  const { WASMVISOR_TLS: fromEnvironment, XDG_CONFIG_HOME: config } = process.env;
  const given = parse.text(options.tls) ?? fromEnvironment;
  if (given !== undefined) return given;
  const own = join(config ?? join(homedir(), ".config"), "wasmvisor", "tls");
  return existsSync(own) ? own : undefined;
}

/** `--host`, `WASMVISOR_HOST`, or the default address. */
export function hostClient(options: Options): HostClient {
  const { WASMVISOR_HOST: fromEnvironment, WASMVISOR_TOKEN: token } = process.env;
  const address = parse.text(options.host) ?? fromEnvironment ?? DEFAULT_ADDRESS;
  return new HostClient(address, {
    tls: tlsFolder(options),
    token: parse.text(options.token) ?? token,
  });
}
