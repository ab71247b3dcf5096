/** `wasmvisor console`: a vm's console on stdio. */
import { hostClient } from "../client.ts";
import type { CommandContext } from "../context.ts";
import { EXIT_DONE, EXIT_INTERRUPTED } from "../exit.ts";
import { Terminal } from "../terminal.ts";

/** Ends when the vm ends or leaves its host, with Ctrl-A X, or with the end of a piped stdin. */
export async function console({ args, options, out }: CommandContext): Promise<number> {
  const { head, socket } = await hostClient(options).console(
    args[0] as string,
    options.wait === true ? "wait" : "refuse",
  );
  const decoder = new TextDecoder();
  const show = (bytes: Uint8Array): void => {
    if (out.isJson) out.event({ event: "console", text: decoder.decode(bytes, { stream: true }) });
    else process.stdout.write(bytes);
  };
  if (head.length > 0) show(head);
  let terminal: Terminal | undefined;
  try {
    return await new Promise<number>((resolve) => {
      socket.on("data", show);
      socket.on("end", () => resolve(EXIT_DONE));
      socket.on("close", () => resolve(EXIT_DONE));
      socket.on("error", () => resolve(EXIT_DONE));
      process.stdout.once("error", () => resolve(EXIT_DONE));
      process.once("SIGINT", () => resolve(EXIT_INTERRUPTED));
      process.once("SIGTERM", () => resolve(EXIT_INTERRUPTED));
      terminal = new Terminal({
        send: (bytes) => {
          socket.write(bytes);
          return bytes.length;
        },
        onLeave: () => resolve(EXIT_DONE),
        onEnd: () => socket.end(),
      });
    });
  } finally {
    terminal?.close();
    socket.destroy();
  }
}
