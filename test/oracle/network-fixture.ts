/** Debian guests with network cards, servers outside of them, and QEMU with the same image. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { WallClock } from "../../ts/base/clock.ts";
import type { Host } from "../../ts/host/host.ts";
import type { NetworkOptions } from "../../ts/host/networks/nic-config.ts";
import type { VirtualMachine } from "../../ts/host/virtual-machine.ts";
import type { ResolvedImage } from "../../ts/image/store.ts";
import { bootDebian, say } from "./debian-guest.ts";

const wall = new WallClock();

export const sha256 = (bytes: Uint8Array): string =>
  createHash("sha256").update(bytes).digest("hex");

/** Bytes that nobody can mistake for others. */
export function noise(bytes: number, seed = 1): Uint8Array {
  const words = new Uint32Array(bytes / 4);
  let word = seed;
  for (let i = 0; i < words.length; i++) {
    word = Math.imul(word ^ (word >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
    words[i] = word;
  }
  return new Uint8Array(words.buffer);
}

/** A guest at its prompt, with its first card up at `ip`. */
export async function guestAt(
  host: Host,
  name: string,
  { ip, networks }: { readonly ip: string; readonly networks: readonly NetworkOptions[] },
): Promise<VirtualMachine> {
  const vm = await bootDebian(host, { name, networks });
  await say(vm, setUp(ip));
  return vm;
}

export const setUp = (ip: string): string =>
  `ip link set lo up; ip link set eth0 up; ip addr add ${ip}/24 dev eth0; ip route add default via 10.0.2.2`;

/** A server on loopback that does `serve` with each client. */
export async function serverOf(serve: (socket: Socket) => void): Promise<{
  readonly port: number;
  readonly close: () => void;
}> {
  const server: Server = createServer(serve).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

/** The first `count` bytes that a socket says, which is ended then: busybox's nc does not say when it has no more. */
export async function bytesOf(socket: Socket, count: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let left = count;
  for await (const part of socket) {
    parts.push(part as Uint8Array);
    left -= (part as Uint8Array).length;
    if (left <= 0) socket.end();
  }
  return Buffer.concat(parts);
}

export async function connected(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  return socket;
}

/** Megabytes a second of a file that a guest's httpd serves at a port of ours, once it does; by curl, on its own. */
export async function fetchedRate(port: number, path: string): Promise<number> {
  const url = `http://127.0.0.1:${port}${path}`;
  const args = ["-sf", "-o", "/dev/null", "-w", "%{speed_download}", url];
  for (let tries = 0; tries < 600; tries++) {
    const child = spawn("curl", args, { stdio: ["ignore", "pipe", "ignore"] });
    let said = "";
    child.stdout.on("data", (part) => {
      said += String(part);
    });
    const [status] = (await once(child, "close")) as [number];
    if (status === 0) return Number(said) / 1e6;
    await wall.sleep(200e6);
  }
  throw new Error("nobody serves that file");
}

/** A web server that sends `bytes` zeros, and megabytes a second until its client has closed. */
export async function measuredSource(bytes: number): Promise<{
  readonly port: number;
  readonly rate: Promise<number>;
  readonly close: () => void;
}> {
  let settle: (rate: number) => void;
  const rate = new Promise<number>((resolve) => {
    settle = resolve;
  });
  const part = new Uint8Array(1 << 18);
  const server = await serverOf((socket) => {
    const fromNs = wall.nowNs();
    let left = bytes;
    const more = (): void => {
      while (left > 0) {
        left -= part.length;
        if (!socket.write(part)) return;
      }
      socket.end();
    };
    socket.write(`HTTP/1.0 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`);
    socket.on("drain", more);
    socket.on("error", () => undefined);
    socket.on("data", () => undefined);
    socket.on("close", () => settle(bytes / ((wall.nowNs() - fromNs) / 1e3)));
    more();
  });
  return { ...server, rate };
}

/** QEMU's guest runs `command`; its port 80 is ours at `port`. The result ends it. */
export function inQemu(image: ResolvedImage, command: string, port: number): () => void {
  const encoded = command.replace(/[% ]/g, (char) => (char === " " ? "%20" : "%25"));
  const forward = `user,id=n,hostfwd=tcp:127.0.0.1:${port}-:80`;
  const net = ["-netdev", forward, "-device", "virtio-net-device,netdev=n"];
  const machine = ["-M", "virt", "-m", "256M", "-display", "none", "-no-reboot", "-nic", "none"];
  const append = `${image.cmdline} wv.exec=${encoded}`;
  const boot = ["-kernel", image.kernel, "-initrd", image.initrd, "-append", append];
  const child = spawn("qemu-system-riscv64", [...machine, ...net, ...boot], { stdio: "ignore" });
  return () => void child.kill("SIGKILL");
}

/** Says `bytes` to somebody who says all again, one after the other, and compares. */
export function echoOf(socket: Socket, bytes: Uint8Array) {
  let expected = 0;
  let count = 0;
  let longestMs = 0;
  let sentNs = wall.nowNs();
  let failure: Error | undefined;
  const send = (): void => {
    sentNs = wall.nowNs();
    expected = 0;
    socket.write(bytes);
  };
  socket.on("data", (part: Uint8Array) => {
    const wanted = bytes.subarray(expected, expected + part.length);
    if (Buffer.compare(part, wanted) !== 0) failure ??= new Error("other bytes came back");
    expected += part.length;
    if (expected < bytes.length) return;
    count++;
    longestMs = Math.max(longestMs, (wall.nowNs() - sentNs) / 1e6);
    send();
  });
  socket.on("error", (error) => {
    failure ??= error;
  });
  socket.on("close", () => {
    failure ??= new Error("the connection was closed");
  });
  send();
  return {
    get count() {
      return count;
    },
    get longestMs() {
      return longestMs;
    },
    /** Settles after that many more. */
    async rounds(more: number): Promise<void> {
      const until = count + more;
      while (count < until) {
        if (failure) throw failure;
        await wall.sleep(5e6);
      }
    },
  };
}
