/**
 * The link between two hosts, as a TCP proxy that counts what passes and stops at a given byte. What it
 * carries, it does not know: turns are all it sees of the protocol. A turn begins whenever the target
 * speaks after the source did; READY and RUNNING are the last two.
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export type Direction = "to-target" | "to-source";

/** When the fault comes: in or after this turn, once so many bytes went in a direction. */
export interface Trigger {
  readonly afterTurn: number;
  readonly direction: Direction;
  readonly atByte: number;
}

export interface Traffic {
  readonly turns: number;
  readonly bytesToTarget: number;
  readonly bytesToSource: number;
}

export class FaultProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #upstream: () => number;
  #trigger: Trigger | undefined;
  #onFault: () => void = () => undefined;
  #isDown = false;
  /** True once the fault has come. */
  hasFired = false;
  #counted = 0;
  #turns = 0;
  #last: Direction = "to-source";
  #bytesToTarget = 0;
  #bytesToSource = 0;

  private constructor(server: Server, upstream: () => number) {
    this.#server = server;
    this.#upstream = upstream;
    server.on("connection", (socket) => this.#serve(socket));
  }

  /** `upstream`: the port of the target, looked up for each connection. */
  static async open(upstream: () => number): Promise<FaultProxy> {
    const server = createServer();
    const proxy = new FaultProxy(server, upstream);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get traffic(): Traffic {
    return {
      turns: this.#turns,
      bytesToTarget: this.#bytesToTarget,
      bytesToSource: this.#bytesToSource,
    };
  }

  /** From the next byte on: counts, and calls `onFault` once nothing passes any more. */
  arm(trigger: Trigger, onFault: () => void): void {
    this.#trigger = trigger;
    this.#onFault = onFault;
  }

  /** The byte comes too late now. */
  disarm(): void {
    this.#trigger = undefined;
  }

  /** Connections pass again. */
  heal(): void {
    this.#trigger = undefined;
    this.#isDown = false;
  }

  /** Nobody listens any more: connections are refused. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.drop();
    await closed;
  }

  /** Breaks one connection, the first being 0. */
  dropOne(index: number): void {
    [...this.#sockets][2 * index]?.resetAndDestroy(); // Two sockets for each.
  }

  /** Breaks whatever is connected. */
  drop(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  #serve(source: Socket): void {
    this.#hold(source);
    if (this.#isDown) {
      source.resetAndDestroy();
      return;
    }
    const target = connect(this.#upstream(), "127.0.0.1");
    this.#hold(target);
    this.#pump(source, target, "to-target");
    this.#pump(target, source, "to-source");
  }

  #hold(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => this.#sockets.delete(socket));
  }

  #pump(from: Socket, to: Socket, direction: Direction): void {
    from.on("data", (bytes: Buffer) => {
      if (this.#isDown) return;
      const passing = this.#count(bytes, direction);
      if (!to.write(passing)) {
        from.pause();
        to.once("drain", () => from.resume());
      }
      if (passing.length < bytes.length || this.#isDue(direction)) this.#fire();
    });
    from.on("end", () => {
      if (!this.#isDown) to.end();
    });
    from.on("close", () => {
      if (!this.#isDown) to.destroySoon();
    });
  }

  /** What of `bytes` may pass. */
  #count(bytes: Buffer, direction: Direction): Buffer {
    if (direction === "to-source" && this.#last === "to-target") this.#turns++;
    this.#last = direction;
    if (direction === "to-target") this.#bytesToTarget += bytes.length;
    else this.#bytesToSource += bytes.length;
    const trigger = this.#trigger;
    if (!trigger || direction !== trigger.direction || this.#turns < trigger.afterTurn)
      return bytes;
    const passing = bytes.subarray(0, Math.max(0, trigger.atByte - this.#counted));
    this.#counted += passing.length;
    return passing;
  }

  #isDue(direction: Direction): boolean {
    const trigger = this.#trigger;
    if (!trigger || direction !== trigger.direction || this.#turns < trigger.afterTurn)
      return false;
    return this.#counted >= trigger.atByte;
  }

  #fire(): void {
    if (this.#isDown) return;
    this.#isDown = true;
    this.hasFired = true;
    // What has passed arrives: the sockets are broken after the kernel has taken it.
    setTimeout(() => this.#onFault(), 2);
  }
}
