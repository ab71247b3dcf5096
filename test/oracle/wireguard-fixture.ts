/** `wireguard-go` on this machine, and our side of a tunnel to it. Needs root and /dev/net/tun. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, WallClock } from "../../ts/base/clock.ts";
import { formatKey } from "../../ts/net/wireguard/keys.ts";
import { freePort } from "../free-port.ts";

const runs = (tool: string, ...args: string[]): boolean => spawnSync(tool, args).status === 0;

export const hasWireguardGo =
  process.getuid?.() === 0 &&
  existsSync("/dev/net/tun") &&
  runs("wireguard-go", "--version") &&
  runs("wg", "--version") &&
  runs("ip", "-V") &&
  runs("ping", "-V");

export const OUR_IP = "10.77.9.1";
export const ITS_IP = "10.77.9.2";
const wall = new WallClock();

export const tool = (name: string, ...args: string[]): string =>
  execFileSync(name, args, { encoding: "utf8" });

/** Without holding our thread, which has to answer. */
export async function running(
  name: string,
  ...args: string[]
): Promise<{ readonly status: number; readonly text: string }> {
  const child = spawn(name, args, { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
  const status = await new Promise<number>((resolve) =>
    child.once("close", (code) => resolve(code ?? -1)),
  );
  return { status, text };
}

export async function eventually(isSo: () => boolean, what: string, seconds = 20): Promise<void> {
  const untilNs = wall.nowNs() + seconds * 1e9;
  while (!isSo()) {
    if (wall.nowNs() > untilNs) throw new Error(`${what}: not within ${seconds} s`);
    await wall.sleep(20e6);
  }
}

/** One interface of wireguard-go's. */
export class WireguardGo {
  readonly name: string;
  readonly port: number;
  readonly publicKey: string;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(
    child: ChildProcess,
    its: { name: string; port: number; publicKey: string; folder: string },
  ) {
    this.#child = child;
    this.name = its.name;
    this.port = its.port;
    this.publicKey = its.publicKey;
    this.#folder = its.folder;
  }

  static async start(name: string): Promise<WireguardGo> {
    const folder = mkdtempSync(join(tmpdir(), "wasmvisor-wg-"));
    const port = await freePort();
    const env = { ...process.env, LOG_LEVEL: "error", WG_PROCESS_FOREGROUND: "1" };
    const child = spawn("wireguard-go", ["-f", name], { env, stdio: "ignore" });
    await eventually(() => runs("wg", "show", name), "wireguard-go");
    const key = tool("wg", "genkey");
    writeFileSync(join(folder, "key"), key, { mode: 0o600 });
    const publicKey = execFileSync("wg", ["pubkey"], { input: key, encoding: "utf8" }).trim();
    tool("wg", "set", name, "private-key", join(folder, "key"), "listen-port", String(port));
    tool("ip", "addr", "add", `${ITS_IP}/24`, "dev", name);
    tool("ip", "link", "set", name, "up");
    return new WireguardGo(child, { name, port, publicKey, folder });
  }

  /** We are at that port of this machine; without one, we come. */
  knows(
    publicKey: Uint8Array,
    { port, psk }: { readonly port?: number; readonly psk?: Uint8Array } = {},
  ): void {
    const args = ["set", this.name, "peer", formatKey(publicKey), "allowed-ips", `${OUR_IP}/32`];
    if (port !== undefined) args.push("endpoint", `127.0.0.1:${port}`);
    if (psk) {
      writeFileSync(join(this.#folder, "psk"), formatKey(psk), { mode: 0o600 });
      args.push("preshared-key", join(this.#folder, "psk"));
    }
    tool("wg", ...args);
  }

  forgets(publicKey: Uint8Array): void {
    tool("wg", "set", this.name, "peer", formatKey(publicKey), "remove");
  }

  /** Of a peer: seconds since 1970 of the last handshake (0: none), bytes received. */
  show(publicKey: Uint8Array): { readonly handshake: number; readonly received: number } {
    const of = (what: string): string[] =>
      (
        tool("wg", "show", this.name, what)
          .split("\n")
          .find((line) => line.startsWith(formatKey(publicKey))) ?? ""
      ).split("\t");
    return {
      handshake: Number(of("latest-handshakes")[1] ?? 0),
      received: Number(of("transfer")[1] ?? 0),
    };
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await eventually(
      () => this.#child.exitCode !== null || this.#child.signalCode !== null,
      "its end",
    );
    rmSync(this.#folder, { recursive: true });
  }
}

/** The wall's time, `factor` times as fast. */
export const fastClock = (factor: number): Clock => ({
  nowNs: () => Math.round(wall.nowNs() * factor),
  sleep: (ns, signal) => wall.sleep(ns / factor, signal),
});
