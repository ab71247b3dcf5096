/** The command line: what exists and where it lives. Commands are loaded when they are called. */
import { Command, CommanderError } from "commander";
import { packageVersion } from "../sweep/version.ts";
import type { AddCommand, Options } from "./context.ts";
import { describeError, EXIT_DONE, EXIT_USAGE, exitStatusOf } from "./exit.ts";
import { drained, Output } from "./output.ts";
import { addDiskCommands } from "./tree-disk.ts";
import { guestOptions } from "./tree-guest.ts";
import { addHostCommands, addVpnCommands } from "./tree-host.ts";
import { addMigrateCommands } from "./tree-migrate.ts";
import { addPoolCommands, addShareCommands, addVolumeCommands } from "./tree-storage.ts";
import { addSweepCommands } from "./tree-sweep.ts";
import { addController, addFlowCommands, addSwitchCommands } from "./tree-switch.ts";

const DESCRIPTION =
  "Run, understand and move virtual machines: RISC-V guests on a WebAssembly core.";
const AFTER_HELP = `
Sizes are written 512MiB, times 30ms, rates 1Gbit or 125MiB/s.
Exit status: 0 done, 1 the guest or the job failed, 2 wrong usage or bad input file,
3 something this machine lacks, 124 timed out, 130 interrupted.`;

function commandAdder(parent: Command, onStatus: (status: number) => void): AddCommand {
  return (usage, description, load) =>
    parent
      .command(usage)
      .description(description)
      .option("--json", "results as JSON on stdout")
      .action(async (...all: unknown[]) => {
        const command = all.at(-1) as Command;
        const options = command.opts<Options>();
        const execute = await load();
        const out = new Output(options.json === true);
        onStatus(await execute({ args: command.args, options, out }));
      });
}

function buildProgram(onStatus: (status: number) => void): Command {
  const program = new Command("wasmvisor");
  program
    .description(DESCRIPTION)
    .version(packageVersion(), "-V, --version")
    .addHelpText("after", AFTER_HELP)
    .exitOverride()
    .configureOutput({ outputError: () => undefined });
  const add = commandAdder(program, onStatus);
  addRun(add);
  const image = program.command("image").description("guest images: pull, list, remove");
  addImage(commandAdder(image, onStatus));
  const disk = program
    .command("disk")
    .description("disk images: create, look at, check, convert, serve");
  addDiskCommands(commandAdder(disk, onStatus));
  const share = program.command("share").description("directories that others mount");
  addShareCommands(commandAdder(share, onStatus));
  const pool = program.command("pool").description("storage over several devices");
  addPoolCommands(commandAdder(pool, onStatus));
  const volume = program.command("volume").description("disks in a pool");
  addVolumeCommands(commandAdder(volume, onStatus));
  const vpn = program.command("vpn").description("keys of hosts in an encrypted network");
  addVpnCommands(commandAdder(vpn, onStatus));
  const switches = program.command("switch").description("switches of a host: ports and lines");
  addSwitchCommands(commandAdder(switches, onStatus));
  const flows = program.command("flows").description("rules of a host's switches");
  addFlowCommands(commandAdder(flows, onStatus));
  addController(add);
  addHostCommands(add);
  addMigrateCommands(add);
  addSweepCommands(add);
  add("doctor", "what this machine offers, what is missing, and the command that mends it", () =>
    import("./commands/doctor.ts").then((m) => m.doctor),
  );
  return program;
}

function addRun(add: AddCommand): void {
  const run = add(
    "run",
    "one guest in the foreground, its console on stdio (Ctrl-A X leaves)",
    () => import("./commands/run.ts").then((m) => m.run),
  );
  guestOptions(run, "256MiB, with --bare 128MiB")
    .option("--snapshot <file>", "go on from a snapshot")
    .option("--engine <name>", "auto, interpreter or translator (default: auto)")
    .option("--code-cache <size>", "translated code that is kept at most (default: 64MiB)")
    .option("--timeout <time>", "stop after this long, with status 124")
    .option("--until <regex>", "end with status 0 when the console has printed it")
    .option("--pcap <file>", "write what passes its network cards, for tshark (at most 64MiB)")
    .option("--stats <file>", "write instructions, MIPS, exits, memory as JSON")
    .option("--signature <file>", "with --bare: write begin_signature to end_signature in hex");
}

function addImage(add: AddCommand): void {
  const load = () => import("./commands/image.ts");
  add("pull [name]", "fetch kernel, modules and busybox from Debian's archive", () =>
    load().then((m) => m.pull),
  )
    .option("--mirror <url>", "another archive than the one this machine's apt uses")
    .option("--suite <name>", "code name of the release (default: trixie)")
    .option("--refresh", "ask the archive even if an image is there");
  add("ls", "images that were pulled", () => load().then((m) => m.list));
  add("rm <name>", "delete an image", () => load().then((m) => m.remove));
}

function usageMessage(error: CommanderError): string {
  return error.message.replace(/^error: /, "").replaceAll("\n", " ");
}

/** The command that `argv` means, as it is typed: `wasmvisor pool create`. */
function commandLineOf(program: Command, argv: readonly string[]): string {
  const words = [program.name()];
  let command: Command | undefined = program;
  for (const word of argv.slice(2)) {
    command = command.commands.find((one) => one.name() === word);
    if (!command) break;
    words.push(word);
  }
  return words.join(" ");
}

function report(error: unknown, isJson: boolean, commandLine: string): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT_DONE;
    if (error.code === "commander.help") return EXIT_USAGE;
    const message = usageMessage(error);
    process.stderr.write(`wasmvisor: ${message}; see ${commandLine} --help\n`);
    if (isJson) print({ code: "WV_CONFIG", message });
    return EXIT_USAGE;
  }
  const { code, message } = describeError(error);
  process.stderr.write(`wasmvisor: ${message}\n`);
  if (isJson) print({ code, message });
  return exitStatusOf(error);
}

function print(error: { readonly code: string; readonly message: string }): void {
  process.stdout.write(`${JSON.stringify({ error })}\n`);
}

/** Runs one command line (`process.argv`) and resolves with its exit status. */
export async function runCli(argv: readonly string[]): Promise<number> {
  let status = EXIT_DONE;
  const program = buildProgram((its) => {
    status = its;
  });
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    status = report(error, argv.includes("--json"), commandLineOf(program, argv));
  }
  await drained();
  return status;
}
