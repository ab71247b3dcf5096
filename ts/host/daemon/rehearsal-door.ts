/** Where the guest of a rehearsal comes in: over sockets of this machine, as others do. */
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { MigrationReceiver } from "../migration-receiver.ts";
import type { Door } from "../rehearsal.ts";
import { acceptMigration } from "../socket-channel.ts";
import { tokenHeader } from "../tokens.ts";

/** Opens to whoever knows a token that nobody else is told, for guests and for nothing else. */
export async function openDoor(receiver: MigrationReceiver): Promise<Door> {
  const token = `wvt_${randomBytes(32).toString("base64url")}`;
  const server = createServer((_request, response) => response.writeHead(404).end());
  server.on("upgrade", ({ headers }, socket, head) => {
    socket.on("error", () => socket.destroy());
    if (headers.authorization === tokenHeader(token))
      void receiver.receive(() => acceptMigration(socket, head));
    else socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen({ host: "127.0.0.1", port: 0 }, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { target: `tcp://127.0.0.1:${port}`, token, close: () => void server.close() };
}
