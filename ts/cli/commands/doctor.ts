/** `wasmvisor doctor`: what this machine offers, what is missing, and the command that mends it. */
import { execFile } from "node:child_process";
import { availableParallelism, freemem, totalmem } from "node:os";
import { promisify } from "node:util";
import { WasmvisorError } from "../../base/errors.ts";
import { formatSize } from "../../base/units.ts";
import { Host } from "../../host/host.ts";
import { listImages } from "../../image/store.ts";
import { loadBullmq } from "../../sweep/queue/redis.ts";
import type { CommandContext } from "../context.ts";
import { EXIT_DONE, EXIT_LACKS } from "../exit.ts";
import { styled } from "../output.ts";

const execute = promisify(execFile);
const TOOL_MS_MAX = 10_000;
const NODE_MIN = [20, 19] as const;

interface Check {
  readonly name: string;
  /** What it is good for. */
  readonly for: string;
  readonly isNeeded: boolean;
  readonly mend: string;
  /** What was found; throws or resolves with undefined if nothing. */
  readonly look: () => Promise<string | undefined>;
}

interface Finding {
  readonly name: string;
  readonly state: "ok" | "missing";
  readonly needed: boolean;
  readonly found?: string;
  readonly for: string;
  readonly mend?: string;
}

/** First line of what `tool --version` says. */
async function toolVersion(tool: string, ...args: string[]): Promise<string | undefined> {
  const { stderr, stdout } = await execute(tool, args.length > 0 ? args : ["--version"], {
    timeout: TOOL_MS_MAX,
  });
  return (stdout || stderr).split("\n")[0]?.trim();
}

async function nodeVersion(): Promise<string | undefined> {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const isNew = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
  return isNew ? `v${process.versions.node}` : undefined;
}

/** Makes a host and has it ready for a guest: the core compiles, links, and has memory. */
async function coreWorks(): Promise<string | undefined> {
  const host = await Host.create({ memory: "64MiB" });
  const { freeBytes } = host;
  await host.close();
  return `${formatSize(freeBytes, 1)} of 64MiB for guests`;
}

async function bigMemory(): Promise<string | undefined> {
  try {
    new WebAssembly.Memory({ initial: 1, maximum: 65_536 }).grow(60_000);
  } catch (cause) {
    throw new WasmvisorError("WV_NO_MEMORY", "no address space", { cause });
  }
  return `${formatSize(freemem(), 1)} free of ${formatSize(totalmem(), 1)}`;
}

async function images(): Promise<string | undefined> {
  const all = await listImages();
  return all.length === 0 ? undefined : all.map((one) => one.name).join(", ");
}

const CHECKS: readonly Check[] = [
  {
    name: "node",
    for: "everything",
    isNeeded: true,
    mend: `install Node.js ${NODE_MIN.join(".")} or newer`,
    look: nodeVersion,
  },
  {
    name: "core",
    for: "everything",
    isNeeded: true,
    mend: "npm run build",
    look: coreWorks,
  },
  {
    name: "memory",
    for: "hosts of up to 3.75GiB",
    isNeeded: true,
    mend: "raise the limit of the address space: ulimit -v unlimited",
    look: bigMemory,
  },
  {
    name: "processors",
    for: "sweeps on worker threads",
    isNeeded: false,
    mend: "",
    look: async () => `${availableParallelism()}`,
  },
  {
    name: "apt",
    for: "image pull",
    isNeeded: false,
    mend: "pull images on a Debian machine, or use run --kernel with files of your own",
    look: () => toolVersion("apt-get"),
  },
  {
    name: "image",
    for: "run --image",
    isNeeded: false,
    mend: "wasmvisor image pull debian",
    look: images,
  },
  {
    name: "qemu-system-riscv64",
    for: "npm run test:oracle, npm run bench",
    isNeeded: false,
    mend: "apt-get install qemu-system-misc",
    look: () => toolVersion("qemu-system-riscv64"),
  },
  {
    name: "riscv64-linux-gnu-gcc",
    for: "rebuilding guests/",
    isNeeded: false,
    mend: "apt-get install gcc-riscv64-linux-gnu",
    look: () => toolVersion("riscv64-linux-gnu-gcc"),
  },
  {
    name: "mke2fs",
    for: "making disks, npm run test:oracle",
    isNeeded: false,
    mend: "apt-get install e2fsprogs",
    look: () => toolVersion("mke2fs", "-V"),
  },
  {
    name: "bullmq",
    for: "sweeps on many machines",
    isNeeded: false,
    mend: "npm install bullmq@6 ioredis@6",
    look: async () => ((await loadBullmq()) ? "found" : undefined),
  },
  {
    name: "redis-server",
    for: "sweeps on many machines: one of them runs it",
    isNeeded: false,
    mend: "apt-get install redis-server",
    look: () => toolVersion("redis-server"),
  },
  {
    name: "chromium",
    for: "tests of web pages",
    isNeeded: false,
    mend: "apt-get install chromium",
    look: () => toolVersion("chromium"),
  },
];

async function examine(check: Check): Promise<Finding> {
  const { isNeeded: needed, mend, name } = check;
  const found = await check.look().catch(() => undefined);
  const base = { name, needed, for: check.for };
  return found === undefined
    ? { ...base, state: "missing", mend }
    : { ...base, state: "ok", found };
}

function line(finding: Finding): string {
  const name = finding.name.padEnd(22);
  if (finding.state === "ok") return `${styled("green", "ok     ")} ${name} ${finding.found}`;
  const word = styled(finding.needed ? "red" : "yellow", "missing");
  return `${word} ${name} for ${finding.for}; mend it with: ${finding.mend}`;
}

export async function doctor({ out }: CommandContext): Promise<number> {
  const findings = await Promise.all(CHECKS.map(examine));
  const isGood = findings.every(({ needed, state }) => state === "ok" || !needed);
  out.result({ ok: isGood, findings }, () => findings.map(line).join("\n"));
  return isGood ? EXIT_DONE : EXIT_LACKS;
}
