/** A door for commands to whoever has a pool open: a socket that only its user reaches; a line there, a line back. */
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type ErrorCode, WasmvisorError } from "../base/errors.ts";

const LINE_BYTES_MAX = 1 << 20;
const ANSWER_BYTES_MAX = 1 << 28;

const PREFIX = join(tmpdir(), "wasmvisor-pool-");

/** What a process that died has left; nothing but a door of ours. */
export function removeDoor(path: string | undefined): void {
  if (path?.startsWith(PREFIX) && path.endsWith("/door") && !path.includes(".."))
    rmSync(dirname(path), { recursive: true, force: true });
}

export class PoolDoor {
  readonly path: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(path: string, server: Server) {
    this.path = path;
    this.#server = server;
  }

  /** `answer` does what a line asks for. */
  static async open(answer: (line: string) => Promise<unknown>): Promise<PoolDoor> {
    const path = join(mkdtempSync(PREFIX), "door");
    const server = createServer();
    const door = new PoolDoor(path, server);
    server.on("connection", (socket) => door.#serve(socket, answer));
    await new Promise<void>((resolve, reject) =>
      server.once("error", reject).listen(path, resolve),
    );
    server.unref();
    return door;
  }

  #serve(socket: Socket, answer: (line: string) => Promise<unknown>): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    readLine(socket, LINE_BYTES_MAX)
      .then(answer)
      .then(
        (value) => ({ value: value ?? null }),
        (error: unknown) => ({
          code: error instanceof WasmvisorError ? error.code : "WV_STATE",
          message: String((error as Error).message),
        }),
      )
      .then((reply) => socket.end(`${JSON.stringify(reply)}\n`));
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    rmSync(dirname(this.path), { recursive: true, force: true });
  }
}

/** Throws what the other process did, or `WV_STATE` if nobody is behind the door. */
export async function knock(path: string, command: unknown): Promise<unknown> {
  const socket = connect(path);
  let line: string;
  try {
    socket.write(`${JSON.stringify(command)}\n`);
    line = await readLine(socket, ANSWER_BYTES_MAX);
  } catch (cause) {
    throw new WasmvisorError("WV_STATE", "pool: whoever has it open does not answer", { cause });
  } finally {
    socket.destroy();
  }
  const reply = JSON.parse(line) as { value?: unknown; code?: ErrorCode; message?: string };
  if (reply.code) throw new WasmvisorError(reply.code, reply.message ?? "");
  return reply.value;
}

function readLine(socket: Socket, bytesMax: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let count = 0;
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the connection has ended")));
    socket.on("data", (part: Buffer) => {
      parts.push(part);
      count += part.length;
      if (count > bytesMax) socket.destroy(new Error("a line without end"));
      else if (part.at(-1) === 10) resolve(Buffer.concat(parts).toString());
    });
  });
}
