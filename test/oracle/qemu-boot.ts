/** The boot of an image in QEMU, up to the first line of its /init: how long, how many instructions. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { WallClock } from "../../ts/base/clock.ts";
import { INIT_LINE } from "../../ts/image/init-script.ts";
import type { ResolvedImage } from "../../ts/image/store.ts";

const wall = new WallClock();

function start(image: ResolvedImage, ...more: string[]): ChildProcess {
  const machine = ["-M", "virt", "-m", "256M", "-display", "none", "-no-reboot", "-nic", "none"];
  const boot = ["-kernel", image.kernel, "-initrd", image.initrd, "-append", image.cmdline];
  return spawn("qemu-system-riscv64", [...machine, ...boot, ...more], {
    stdio: ["pipe", "pipe", "ignore"],
  });
}

/** Resolves when `stream` has said `wanted`, with all that it said; rejects when it ends before. */
async function until(stream: NodeJS.ReadableStream, wanted: string | RegExp): Promise<string> {
  let text = "";
  for await (const chunk of stream) {
    text += String(chunk);
    if (typeof wanted === "string" ? text.includes(wanted) : wanted.test(text)) return text;
  }
  throw new Error(`QEMU ended: ${text.slice(-300)}`);
}

/** Milliseconds from QEMU's start to /init's line, as fast as QEMU goes. */
export async function qemuBootMs(image: ResolvedImage): Promise<number> {
  const startNs = wall.nowNs();
  const child = start(image, "-serial", "stdio", "-monitor", "none");
  try {
    await until(child.stdout as NodeJS.ReadableStream, INIT_LINE);
    return (wall.nowNs() - startNs) / 1e6;
  } finally {
    child.kill("SIGKILL");
  }
}

/**
 * Instructions that QEMU has executed at /init's line, its firmware's among them. Only a recorded run
 * counts (`query-replay`); `log` is where the record goes.
 */
export async function qemuBootInstructions(image: ResolvedImage, log: string): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const serial = `tcp:127.0.0.1:${(server.address() as AddressInfo).port}`;
  const count = ["-icount", `shift=0,rr=record,rrfile=${log}`];
  const child = start(image, ...count, "-serial", serial, "-qmp", "stdio");
  try {
    const [console] = await once(server, "connection");
    await until(console, INIT_LINE);
    for (const execute of ["qmp_capabilities", "query-replay"])
      child.stdin?.write(`${JSON.stringify({ execute })}\n`);
    const answer = await until(child.stdout as NodeJS.ReadableStream, /"icount": \d+/);
    return Number(/"icount": (\d+)/.exec(answer)?.[1]);
  } finally {
    child.kill("SIGKILL");
    server.close();
  }
}
