/** `wasmvisor run`: one guest in the foreground. */
import { writeFileSync } from "node:fs";
import { ENGINES } from "../../../bindings/core.ts";
import { WallClock } from "../../base/clock.ts";
import { WasmvisorError } from "../../base/errors.ts";
import { parseSize } from "../../base/units.ts";
import { Host } from "../../host/host.ts";
import { describeEnd, type VirtualMachine } from "../../host/virtual-machine.ts";
import type { CreateVmOptions } from "../../host/vm-config.ts";
import type { VmEnd } from "../../vmm/vm.ts";
import type { CommandContext } from "../context.ts";
import { EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_TIMED_OUT } from "../exit.ts";
import { createOptions } from "../guest-options.ts";
import * as parse from "../options.ts";
import type { Output } from "../output.ts";
import { type SignatureRange, signatureRange, writeSignature } from "../signature.ts";
import { Terminal } from "../terminal.ts";
import { captureRun } from "./capture.ts";

/** Frames of the host for its own tables, beside the guest's RAM. */
const HOST_BYTES = 64 << 20;
const HOST_BYTES_MAX = 3.75 * 2 ** 30;
const BARE_MEMORY = "128MiB";
/** Console text in which `--until` is looked for. */
const UNTIL_CHARS = 1 << 14;

/** Why the run is over. */
type Outcome =
  | { readonly reason: "end"; readonly end: VmEnd }
  | { readonly reason: "until" | "timeout" | "left" | "interrupted" | "closed" };

interface Plan {
  readonly timeoutMs: number | undefined;
  readonly until: RegExp | undefined;
  readonly signature: { readonly file: string; readonly range: SignatureRange } | undefined;
}

export async function run(context: CommandContext): Promise<number> {
  const { options, out } = context;
  const guest = checkedGuest(options);
  const plan: Plan = {
    timeoutMs: parse.timeMs(options.timeout, "--timeout"),
    until: parse.regex(options.until, "--until"),
    signature: signaturePlan(options),
  };
  const vm = await makeVm(options, guest);
  const clock = new WallClock();
  const startNs = clock.nowNs();
  const pcap = parse.text(options.pcap);
  const endCapture = pcap === undefined ? undefined : captureRun(vm, pcap);
  const outcome = await foreground(vm, plan, out);
  await endCapture?.();
  const wallSeconds = (clock.nowNs() - startNs) / 1e9;
  const status = statusOf(outcome, guest?.bare !== undefined);
  const stats = statsOf(vm, outcome, { wallSeconds, status });
  if (typeof options.stats === "string") writeStats(options.stats, stats);
  if (plan.signature) writeSignature(vm, plan.signature.range, plan.signature.file);
  out.event({ event: "end", ...stats });
  if (outcome.reason !== "end" || outcome.end.type !== "poweroff") explain(outcome, out);
  return status;
}

/** Options of the guest; undefined for a snapshot, which brings its own. */
function checkedGuest(options: CommandContext["options"]): CreateVmOptions | undefined {
  if (options.snapshot === undefined)
    return createOptions(options, {
      name: "guest",
      memory: isAlone(options) ? BARE_MEMORY : undefined,
    });
  const files = ["image", "kernel", "bare", "initrd", "dtb"] as const;
  const devices = ["disk", "share", "net"] as const;
  const machine = ["append", "memory", "cpus", "clock", "mips", "seed"] as const;
  const wrong = [...files, ...devices, ...machine].find((name) => options[name] !== undefined);
  if (wrong === undefined) return undefined;
  throw new WasmvisorError("WV_CONFIG", `--snapshot brings its own guest; leave out --${wrong}`);
}

/** A bare guest that is no firmware of another. */
function isAlone({ bare, image, kernel }: CommandContext["options"]): boolean {
  return bare !== undefined && image === undefined && kernel === undefined;
}

function signaturePlan(options: CommandContext["options"]): Plan["signature"] {
  const file = parse.text(options.signature);
  if (file === undefined) return undefined;
  const bare = parse.text(options.bare);
  if (bare === undefined) throw new WasmvisorError("WV_CONFIG", "--signature goes with --bare");
  return { file, range: signatureRange(parse.inputFile(bare, "--bare"), bare) };
}

async function makeVm(
  options: CommandContext["options"],
  guest: CreateVmOptions | undefined,
): Promise<VirtualMachine> {
  const engine = parse.oneOf(options.engine, ENGINES, "--engine");
  const codeCache =
    options.codeCache === undefined
      ? undefined
      : parseSize(String(options.codeCache), "--code-cache");
  if (!guest) {
    const host = await Host.create({ memory: HOST_BYTES_MAX, engine, codeCache });
    return host.restore(String(options.snapshot));
  }
  const memory = guest.memory ?? "256MiB";
  const bytes = typeof memory === "number" ? memory : parseSize(memory, "--memory");
  const hostBytes = Math.min(bytes + HOST_BYTES, HOST_BYTES_MAX);
  const host = await Host.create({ memory: hostBytes, engine, codeCache });
  return host.createVm(guest);
}

/** Lets the guest run until something ends the run. */
async function foreground(vm: VirtualMachine, plan: Plan, out: Output): Promise<Outcome> {
  const undo: (() => void)[] = [];
  try {
    return await new Promise<Outcome>((resolve, reject) => {
      const finish = (reason: Exclude<Outcome["reason"], "end">) => () => resolve({ reason });
      undo.push(showOutput(vm, plan, { out, onUntil: finish("until") }));
      for (const signal of ["SIGINT", "SIGTERM"] as const) {
        const handler = finish("interrupted");
        process.on(signal, handler);
        undo.push(() => process.off(signal, handler));
      }
      process.stdout.on("error", finish("closed"));
      if (plan.timeoutMs !== undefined) {
        const timer = setTimeout(finish("timeout"), plan.timeoutMs);
        undo.push(() => clearTimeout(timer));
      }
      const terminal = new Terminal({
        send: (bytes) => typeTo(vm, bytes),
        onLeave: finish("left"),
      });
      undo.push(() => terminal.close());
      vm.wait().then((end) => resolve({ reason: "end", end }), reject);
      vm.resume().catch(reject);
    });
  } finally {
    if (vm.status === "running") await vm.pause();
    for (const action of undo.reverse()) action();
  }
}

/** Keys go to the guest as they come; what is piped waits until the guest reads it. */
function typeTo(vm: VirtualMachine, bytes: Uint8Array): number {
  return process.stdin.isTTY || vm.machine.board.isListening ? vm.console.write(bytes) : 0;
}

/** Prints the console and looks for `--until` in it. */
function showOutput(
  vm: VirtualMachine,
  plan: Plan,
  to: { readonly out: Output; readonly onUntil: () => void },
): () => void {
  const { out, onUntil } = to;
  const decoder = new TextDecoder();
  let tail = "";
  return vm.console.events.on("output", ({ bytes }) => {
    if (!out.isJson) process.stdout.write(bytes);
    if (!out.isJson && !plan.until) return;
    const text = decoder.decode(bytes, { stream: true });
    out.event({ event: "console", text });
    if (!plan.until) return;
    tail += text;
    if (plan.until.test(tail)) onUntil();
    tail = tail.slice(-UNTIL_CHARS);
  });
}

/** A bare guest's own number, in what a process can say: 1 to 255, never 0 for a failure. */
function statusOf(outcome: Outcome, isBare: boolean): number {
  if (outcome.reason === "timeout") return EXIT_TIMED_OUT;
  if (outcome.reason === "interrupted") return EXIT_INTERRUPTED;
  if (outcome.reason === "closed") return EXIT_FAILED;
  if (outcome.reason !== "end") return EXIT_DONE;
  const { end } = outcome;
  if (end.type === "crash") return EXIT_FAILED;
  if (end.type !== "exit" || end.status === 0) return EXIT_DONE;
  return isBare ? Math.min(255, Math.max(1, end.status)) : EXIT_FAILED;
}

function statsOf(
  vm: VirtualMachine,
  outcome: Outcome,
  run: { readonly wallSeconds: number; readonly status: number },
) {
  const { memoryBytes, metrics, populatedBytes, vcpus } = vm.info();
  const { copiedPages, cycles, exits, instructions, pageWalks, traps, translated } = metrics;
  const { status, wallSeconds } = run;
  return {
    status,
    reason: outcome.reason,
    end: vm.end ?? null,
    vcpus,
    instructions,
    cycles,
    wallSeconds,
    mips: wallSeconds > 0 ? instructions / wallSeconds / 1e6 : 0,
    exits,
    traps,
    pageWalks,
    translated,
    memory: { bytes: memoryBytes, populatedBytes, copiedPages },
  };
}

function writeStats(file: string, stats: object): void {
  try {
    writeFileSync(file, `${JSON.stringify(stats, null, 2)}\n`);
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code;
    throw new WasmvisorError("WV_CONFIG", `--stats: cannot write "${file}" (${why})`, { cause });
  }
}

function explain(outcome: Outcome, out: Output): void {
  if (outcome.reason === "timeout") out.log("wasmvisor: timed out (--timeout)");
  if (outcome.reason === "interrupted") out.log("wasmvisor: interrupted");
  if (outcome.reason === "end") out.log(`wasmvisor: the guest ended: ${describeEnd(outcome.end)}`);
}
