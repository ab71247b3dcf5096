/**
 * Debian packages for another architecture, fetched and verified by the machine's own apt.
 *
 * apt runs on a private configuration in a scratch directory: its own lists and cache, an empty
 * package database, the architecture that was asked for. Of the machine's configuration only `Acquire::` (proxies,
 * certificates, timeouts) and the credentials file are taken over, so nothing outside the scratch
 * directory is written, no hook runs, and no privilege is needed. apt checks the archive's
 * signature against Debian's keyring; unsigned archives are refused whatever the machine allows.
 */
import { execFile, spawn } from "node:child_process";
import { access, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { WasmvisorError } from "../base/errors.ts";

const run = promisify(execFile);

const APT_GET = "apt-get";

const KEYRINGS = [
  "/usr/share/keyrings/debian-archive-keyring.gpg",
  "/usr/share/keyrings/debian-archive-keyring.pgp",
];
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

export interface AptOptions {
  /** An existing private directory that apt may fill and the caller removes. */
  readonly scratch: string;
  /** The archive, "http://deb.debian.org/debian"; by default the one the machine uses. */
  readonly mirror?: string | undefined;
  /** The release's code name; what the archive's signed Release file must call itself. */
  readonly suite: string;
  /** Debian's name of it; default riscv64. */
  readonly architecture?: "riscv64" | "i386" | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly log?: ((line: string) => void) | undefined;
}

/** One package as the verified index describes it. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly depends: string;
}

/** An apt whose indexes are fetched and verified. */
export interface Apt {
  /** The newest version of a package. Throws `WV_MISSING` when the archive has none. */
  show(name: string): Promise<DebianPackage>;
  /** Downloads packages into the scratch directory; apt checks their hashes. */
  download(
    packages: readonly DebianPackage[],
    onPercent?: (percent: number) => void,
  ): Promise<string>;
}

interface Sources {
  readonly main: string;
  readonly security: string | undefined;
}

/**
 * Fetches the indexes of `suite`. Throws `WV_MISSING` when the machine has no apt, no Debian
 * keyring or no Debian archive configured, `WV_NETWORK` when no verified index could be had.
 */
export async function openApt(options: AptOptions): Promise<Apt> {
  const machine = await machineConfiguration(options);
  const keyring = await findKeyring();
  const { scratch, suite } = options;
  const architecture = architectureOf(options);
  for (const name of ["lists/partial", "cache/archives/partial", "parts", "debs"]) {
    await mkdir(join(scratch, name), { recursive: true });
  }
  await writeFile(join(scratch, "status"), "");
  await writeFile(join(scratch, "apt.conf"), configuration(options, machine.acquire), {
    mode: 0o600,
  });
  const deb = (uri: string, release: string): string =>
    `deb [arch=${architecture} signed-by=${keyring}] ${uri} ${release} main\n`;
  const { main, security } = machine.sources;
  const updates = deb(main, suite) + deb(main, `${suite}-updates`);
  const attempts = [
    ...(security ? [updates + deb(security, `${suite}-security`)] : []),
    updates,
    deb(main, suite),
    // A caching mirror can be between two states of one name; "stable" is cached on its own.
    deb(main, "stable"),
  ];
  let failure: unknown;
  for (const sources of attempts) {
    await writeFile(join(scratch, "sources.list"), sources);
    try {
      await aptTool(options, APT_GET, ["-o", "APT::Update::Error-Mode=any", "update"]);
      await checkCodename(options);
      return aptOf(options);
    } catch (error) {
      if (options.signal?.aborted) throw error;
      failure = error;
      options.log?.(`apt: ${reasonOf(error)}`);
    }
  }
  throw new WasmvisorError(
    "WV_NETWORK",
    `image pull: no verified index of "${suite}" from the archive: ${reasonOf(failure)}. ` +
      "Try again later, or name another archive with --mirror URL",
    { cause: failure },
  );
}

function aptOf(options: AptOptions): Apt {
  return {
    show: async (name) => await showPackage(options, name),
    download: async (packages, onPercent) => await download(options, packages, onPercent),
  };
}

/** `Acquire::` lines of the machine's configuration, and which Debian archive it uses. */
async function machineConfiguration(
  options: AptOptions,
): Promise<{ acquire: string; sources: Sources }> {
  const { signal, mirror } = options;
  let acquire: string;
  let targets: string;
  try {
    acquire = (await run("apt-config", ["dump"], { signal })).stdout;
    const format = ["--format", "$(REPO_URI)", "Created-By: Packages"];
    targets = (await run(APT_GET, ["indextargets", ...format], { signal })).stdout;
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new WasmvisorError(
      "WV_MISSING",
      "image pull: this machine has no working apt, which fetches and verifies Debian's packages. " +
        "Pull on a Debian or Ubuntu machine and copy its cache directory here, " +
        "or give your own --kernel and --initrd",
      { cause: error },
    );
  }
  const uris = targets.split("\n").map((uri) => uri.trim().replace(/\/+$/, ""));
  const main = mirror?.replace(/\/+$/, "") ?? uris.find((uri) => uri.endsWith("/debian"));
  if (main === undefined) {
    throw new WasmvisorError(
      "WV_MISSING",
      "image pull: this machine's apt has no Debian archive configured; name one with " +
        "--mirror http://deb.debian.org/debian",
    );
  }
  const security = mirror ? undefined : uris.find((uri) => uri.endsWith("/debian-security"));
  return { acquire: acquireLines(acquire), sources: { main, security } };
}

function acquireLines(dump: string): string {
  const lines = dump.split("\n").filter((line) => line.startsWith("Acquire::"));
  return lines.filter((line) => !/^Acquire::(Allow|IndexTargets)/.test(line)).join("\n");
}

const architectureOf = (options: AptOptions): string => options.architecture ?? "riscv64";

function configuration(options: AptOptions, acquire: string): string {
  const { scratch } = options;
  const architecture = architectureOf(options);
  return `${acquire}
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
APT::Get::AllowUnauthenticated "false";
APT::Architecture "${architecture}";
APT::Architectures { "${architecture}"; };
APT::Sandbox::User "root";
Dir::Etc::main "${scratch}/none";
Dir::Etc::parts "${scratch}/parts";
Dir::Etc::sourcelist "${scratch}/sources.list";
Dir::Etc::sourceparts "${scratch}/parts";
Dir::Etc::preferences "${scratch}/none";
Dir::Etc::preferencesparts "${scratch}/parts";
Dir::State "${scratch}";
Dir::State::lists "${scratch}/lists";
Dir::State::status "${scratch}/status";
Dir::Cache "${scratch}/cache";
Dir::Log "${scratch}";
`;
}

async function findKeyring(): Promise<string> {
  for (const path of KEYRINGS) {
    const exists = await access(path).then(
      () => true,
      () => false,
    );
    if (exists) return path;
  }
  throw new WasmvisorError(
    "WV_MISSING",
    "image pull: Debian's archive keyring is missing; install it with " +
      "`apt-get install debian-archive-keyring`",
  );
}

/** The signed Release file must be of the release that was asked for, whatever its path said. */
async function checkCodename(options: AptOptions): Promise<void> {
  const format = ["--format", "$(ORIGIN) $(CODENAME)", "Created-By: Packages"];
  const text = await aptTool(options, APT_GET, ["indextargets", ...format]);
  for (const line of text.trim().split("\n")) {
    const [origin, codename = ""] = line.split(" ");
    const isOf = codename === options.suite || codename.startsWith(`${options.suite}-`);
    if (origin === "Debian" && isOf) continue;
    throw new WasmvisorError(
      "WV_NETWORK",
      `the archive calls itself "${line}", expected "Debian ${options.suite}"`,
    );
  }
}

async function showPackage(options: AptOptions, name: string): Promise<DebianPackage> {
  let text = "";
  try {
    text = await aptTool(options, "apt-cache", ["show", "--no-all-versions", name]);
  } catch (error) {
    if (options.signal?.aborted) throw error;
  }
  const field = (key: string): string =>
    new RegExp(`^${key}: (.*)$`, "m").exec(text)?.[1]?.trim() ?? "";
  const sha256 = field("SHA256");
  if (field("Package") !== name || !/^[0-9a-f]{64}$/.test(sha256)) {
    const where = `Debian ${options.suite} for ${architectureOf(options)}`;
    throw new WasmvisorError("WV_MISSING", `image pull: no package "${name}" in ${where}`);
  }
  const bytes = Number(field("Size"));
  return { name, version: field("Version"), bytes, sha256, depends: field("Depends") };
}

async function download(
  options: AptOptions,
  packages: readonly DebianPackage[],
  onPercent?: (percent: number) => void,
): Promise<string> {
  const directory = join(options.scratch, "debs");
  const names = packages.map(({ name, version }) => `${name}=${version}`);
  const child = spawn(APT_GET, ["-o", "APT::Status-Fd=3", "download", ...names], {
    cwd: directory,
    env: environment(options),
    stdio: ["ignore", "ignore", "pipe", "pipe"],
    signal: options.signal,
  });
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-4096);
  });
  child.stdio[3]?.on("data", (chunk: Buffer) => {
    const percent = [...chunk.toString().matchAll(/^dlstatus:[^:]*:([\d.]+):/gm)].at(-1)?.[1];
    if (percent !== undefined) onPercent?.(Number(percent));
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (status === 0) return directory;
  throw new WasmvisorError("WV_NETWORK", `image pull: download failed: ${lastLine(errors)}`);
}

async function aptTool(options: AptOptions, tool: string, args: string[]): Promise<string> {
  const result = await run(tool, args, {
    env: environment(options),
    maxBuffer: OUTPUT_BYTES_MAX,
    signal: options.signal,
  });
  return result.stdout;
}

function environment(options: AptOptions): NodeJS.ProcessEnv {
  return { ...process.env, APT_CONFIG: join(options.scratch, "apt.conf"), LC_ALL: "C.UTF-8" };
}

/** apt's own words: the first line of its complaint. */
function reasonOf(error: unknown): string {
  const stderr = error instanceof Error && "stderr" in error ? String(error.stderr) : "";
  const line = stderr.split("\n").find((text) => text.startsWith("E: "));
  return line?.slice(3) ?? (error instanceof Error ? error.message : String(error));
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
