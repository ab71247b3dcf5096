/**
 * Our NBD server next to qemu-nbd, each a process of its own with the same image, by nbdcopy: the whole disk from
 * it, and a whole disk to it, of a raw and of a qcow2 image, in turn.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BenchRow, inTurn } from "./harness.ts";
import { type BenchOptions, cliOf } from "./machines.ts";

const RUNS = 5;
const MIB = { whole: 512, quick: 16 } as const;
const POLL_MS = 20;
const PEER = "qemu-nbd";

interface Server {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

type Serve = (path: string, format: "raw" | "qcow2") => Promise<Server>;

export async function benchNbd(options: BenchOptions): Promise<BenchRow[]> {
  const missing = ["nbdcopy", PEER].filter((tool) => spawnSync(tool, ["--version"]).status !== 0);
  if (missing.length > 0) throw new Error(`apt install libnbd-bin qemu-utils: no ${missing[0]}`);
  const scratch = await mkdtemp(join(tmpdir(), "wasmvisor-bench-"));
  try {
    const images = await makeImages(scratch, MIB[options.size]);
    const rows: BenchRow[] = [];
    for (const format of ["raw", "qcow2"] as const)
      for (const direction of ["read", "write"] as const) {
        const name = `${direction}-${format}`;
        if (options.only.length > 0 && !options.only.includes(name)) continue;
        const rate = async (serve: Serve): Promise<number> => {
          const server = await serve(images[format], format);
          try {
            const seconds = await copySeconds(direction, images.source, server.url);
            return (MIB[options.size] * 2 ** 20) / 1e6 / seconds;
          } finally {
            await server.stop();
          }
        };
        const row = await inTurn({
          bench: `nbd/${name}`,
          unit: "MB/s",
          better: "higher",
          runs: options.runs ?? RUNS,
          ours: () => rate(ourServer(options.root)),
          peer: { name: PEER, run: () => rate(qemuServer) },
        });
        options.log(
          `${row.bench}: ${row.ours.median.toFixed(0)} MB/s, ratio ${row.ratio?.toFixed(2)}`,
        );
        rows.push(row);
      }
    return rows;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Disks with bytes everywhere: holes would not be sent. */
async function makeImages(scratch: string, mib: number) {
  const images = {
    source: join(scratch, "source.raw"),
    raw: join(scratch, "disk.raw"),
    qcow2: join(scratch, "disk.qcow2"),
  };
  for (const path of [images.source, images.raw]) {
    const file = await open(path, "w");
    for (let i = 0; i < mib; i++) await file.write(Buffer.alloc(2 ** 20, `${path}${i}`));
    await file.close();
  }
  execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", images.raw, images.qcow2]);
  return images;
}

async function copySeconds(
  direction: "read" | "write",
  source: string,
  url: string,
): Promise<number> {
  const args = direction === "read" ? [url, "null:"] : [source, url];
  const startMs = performance.now();
  const child = spawn("nbdcopy", args, { stdio: ["ignore", "ignore", "inherit"] });
  const [status] = (await once(child, "close")) as [number | null];
  if (status !== 0) throw new Error(`nbdcopy ${args.join(" ")}: ${status}`);
  return (performance.now() - startMs) / 1e3;
}

const ourServer =
  (root: string): Serve =>
  async (path, format) => {
    const args = ["disk", "serve", path, "--format", format, "--name", "d", "--json"];
    const child = spawn(process.execPath, [cliOf(root), ...args, "--listen", "tcp://127.0.0.1:0"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    const { url } = JSON.parse(String(line)) as { readonly url: string };
    return { url, stop: () => ended(child) };
  };

const qemuServer: Serve = async (path, format) => {
  const port = 20_000 + (process.pid % 20_000);
  const child = spawn(
    PEER,
    ["-f", format, "-p", String(port), "-b", "127.0.0.1", "-e", "8", "-t", "-x", "d", path],
    { stdio: "ignore" },
  );
  while (!(await isOpen(port))) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  return { url: `nbd://127.0.0.1:${port}/d`, stop: () => ended(child) };
};

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function ended(child: ChildProcess): Promise<void> {
  const gone = once(child, "close");
  child.kill("SIGTERM");
  await gone;
}
