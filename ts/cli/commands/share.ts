/** `wasmvisor share serve DIR`: a directory over TCP, until it is interrupted. */
import { resolve } from "node:path";
import { parseAddress } from "../../host/address.ts";
import { ShareServer } from "../../host/share-server.ts";
import type { CommandContext } from "../context.ts";
import { EXIT_DONE } from "../exit.ts";

export async function serve({ args, options, out }: CommandContext): Promise<number> {
  const [directory = ""] = args;
  const { host, port } = parseAddress(`tcp://${String(options.listen)}`, "--listen");
  const server = await ShareServer.listen({
    path: resolve(directory),
    readOnly: options.readOnly === true,
    host,
    port,
  });
  const address = `${host}:${server.port}`;
  out.result({ address }, () => `${directory} is served at ${address}; Ctrl-C ends it`);
  await new Promise<void>((ended) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => ended());
  });
  await server.close();
  return EXIT_DONE;
}
