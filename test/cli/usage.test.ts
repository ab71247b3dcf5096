/** Help, wrong usage, and bad input files: exit status, and one clear line on stderr. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { STRATEGIES } from "../../ts/migrate/options.ts";
import { POLICY_NAMES, POLICY_SETTINGS } from "../../ts/migrate/policy/convergence.ts";
import { SLOWDOWN_NAMES } from "../../ts/migrate/policy/dirty-limit.ts";
import { guest, ROOT, wasmvisor } from "./binary.ts";

const COMMANDS = (
  "run image host create ls info start pause resume console snapshot restore fork destroy migrate " +
  "memory migrations migrate-cancel migrate-postcopy migrate-pause migrate-recover " +
  "sweep worker report record fit advise doctor"
).split(" ");

let scratch = "";
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "wasmvisor-usage-"));
});
afterAll(async () => rm(scratch, { recursive: true, force: true }));

describe("help", () => {
  test("names every command and the exit status", async () => {
    const { status, stdout } = await wasmvisor(["--help"]);
    expect(status).toBe(0);
    for (const name of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, "m"));
    expect(stdout).toContain("124 timed out");
  });

  test("of a command lists its options", async () => {
    const { status, stdout } = await wasmvisor(["run", "--help"]);
    expect(status).toBe(0);
    for (const option of ["--kernel", "--bare", "--snapshot", "--until", "--signature", "--json"])
      expect(stdout).toContain(option);
  });

  test("of migrate says what its names are, and what each can be told", async () => {
    const { stdout } = await wasmvisor(["migrate", "--help"]);
    for (const name of [...STRATEGIES, ...POLICY_NAMES, ...SLOWDOWN_NAMES])
      expect(stdout).toContain(name);
    for (const [policy, settings] of Object.entries(POLICY_SETTINGS)) {
      const all = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
      if (policy !== "round-limit" && all.length > 0)
        expect(stdout).toContain(`${policy}[:${all.join(",")}]`);
    }
  });

  test("the version is the package's", async () => {
    const { status, stdout } = await wasmvisor(["--version"]);
    expect([status, stdout]).toEqual([0, "0.1.0\n"]);
  });
});

/** Orders to migrate that no host is asked about. */
function wrongMoves(): [string, string[], RegExp][] {
  const move = (...options: string[]): string[] => [
    "migrate",
    "a",
    "tcp://127.0.0.1:1",
    ...options,
  ];
  return [
    [
      "a policy that nobody has",
      move("--policy", "luck"),
      /--policy: expected qemu or settle or xen or/,
    ],
    [
      "a setting of another policy",
      move("--policy", "xen:goal=1"),
      /--policy xen: goal: unknown; it has rounds, pages/,
    ],
    [
      "a setting that is no number",
      move("--policy", "xen:rounds=many"),
      /--policy xen: rounds: expected a number above 0, got "many"/,
    ],
    [
      "a setting that is none",
      move("--policy", "xen:fast"),
      /--policy: expected xen:key=value,..., got "fast"/,
    ],
    ["rounds of no hybrid", move("--strategy", "pre-copy:rounds=2"), /rounds goes with hybrid/],
    ["a slowdown without its rate", move("--slowdown", "dirty-limit"), /dirty-limit:rate=8MiB\/s/],
    [
      "a rate that is none",
      move("--slowdown", "dirty-limit:rate=8"),
      /dirtyLimit: expected a rate/,
    ],
    ["a compression that nobody has", move("--compress", "rar"), /--compress: expected xbzrle or/],
    ["a cache of no size", move("--compress", "xbzrle:cache=big"), /xbzrleCache: expected a size/],
    ["a setting that nobody has", move("--compress", "xbzrle:level=1"), /xbzrle: level: unknown/],
    [
      "differences of what is not checked",
      move("--compress", "xbzrle", "--verify", "frames"),
      /XBZRLE and identical pages need checksums of pages/,
    ],
    [
      "a check that nobody makes",
      move("--verify", "hope"),
      /--verify: expected frames or pages or/,
    ],
    ["an end that is none", move("--on-limit", "wait"), /--on-limit: expected stop or fail/],
    ["a checkpoint without a unit", move("--checkpoint", "5"), /checkpoint: expected a time like/],
  ];
}

const hello = ["run", "--kernel", guest("hello.elf")];
const PLAN = join(ROOT, "examples/first-look.yaml");
const WRONG: readonly (readonly [string, readonly string[], RegExp])[] = [
  ["a command that does not exist", ["rum"], /unknown command 'rum' \(Did you mean run\?\)/],
  [
    "an option that does not exist",
    [...hello, "--fast"],
    /unknown option '--fast'; see wasmvisor run --help$/m,
  ],
  [
    "an option that a command of a group does not have",
    ["pool", "create", "p", "--mirror"],
    /; see wasmvisor pool create --help$/m,
  ],
  ["a disk without a size", ["disk", "create", "no.raw"], /size: missing; give one, like 10GiB/],
  ["a missing argument", ["info"], /missing required argument 'name'/],
  ["nothing to run", ["run"], /exactly one of image, kernel and bare/],
  ["two things to run", [...hello, "--image", "debian"], /exactly one of image, kernel and bare/],
  ["a cache of no size", [...hello, "--code-cache", "many"], /code-cache: expected a size/],
  ["a cache that is too small", [...hello, "--code-cache", "4KiB"], /codeCache: expected 1MiB/],
  ["a size without a unit", [...hello, "--memory", "64"], /memory: expected a size like 512MiB/],
  ["too many vCPUs", [...hello, "--cpus", "9"], /vcpus: expected 1 to 8, got 9/],
  ["no number", [...hello, "--cpus", "two"], /--cpus: expected an integer/],
  ["a bad time", [...hello, "--timeout", "5"], /--timeout: expected a time like 30ms/],
  ["a bad expression", [...hello, "--until", "("], /--until: not a regular expression/],
  ["a bad clock", [...hello, "--clock", "sun"], /--clock: expected wall or virtual, got "sun"/],
  ["a signature of no bare ELF", [...hello, "--signature", "x"], /--signature goes with --bare/],
  ["a snapshot with a kernel", [...hello, "--snapshot", "x"], /--snapshot brings its own guest/],
  ["a kernel that is missing", ["run", "--kernel", "/no/such"], /cannot read "\/no\/such"/],
  [
    "a disk that is missing",
    [...hello, "--disk", "/no/such"],
    /disk "\/no\/such": there is no such/,
  ],
  ["a snapshot that is missing", ["run", "--snapshot", "/no/such"], /\/no\/such/],
  [
    "an address of other machines",
    ["host", "--listen", "tcp://0.0.0.0:7070"],
    /write tls:\/\/0\.0\.0\.0:16509/,
  ],
  [
    "pages at no time",
    ["restore", "x", "--pages", "soon"],
    /--pages: expected on-touch or at-once/,
  ],
  ["an address that is none", ["ls", "--host", "somewhere"], /expected an address like tcp/],
  ...wrongMoves(),
  [
    "a sweep into something that is no folder",
    ["sweep", PLAN, "--out", PLAN],
    /cannot make the folder ".*first-look.yaml.*"/,
  ],
  [
    "a format of results that there is not",
    ["sweep", PLAN, "--format", "xls"],
    /--format: expected parquet/,
  ],
  ["a trace of nobody", ["record"], /name a guest with --kernel or --image/],
  ["a trace that is none", ["fit", PLAN], /first-look.yaml:8: expected a dirty trace/],
  ["advice without a link", ["advise", PLAN], /say how fast the link is with --bandwidth/],
  ["a plan that is missing", ["sweep", "/no/such.yaml"], /cannot read "\/no\/such.yaml"/],
];

describe("wrong usage ends with status 2", () => {
  test.each(WRONG)("%s", async (_what, args, message) => {
    const { status, stderr, stdout } = await wasmvisor(args);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^wasmvisor: .*\n$/);
    expect([status, stdout]).toEqual([2, ""]);
  });

  test("files that are not what they should be", async () => {
    const file = join(scratch, "garbage");
    await writeFile(
      file,
      "this is neither a kernel nor a snapshot, but it is long enough to be read",
    );
    for (const option of ["--kernel", "--bare", "--snapshot"]) {
      const { status, stderr } = await wasmvisor(["run", option, file]);
      expect(stderr).toMatch(/^wasmvisor: .*\n$/);
      expect(status).toBe(2);
    }
  });

  test("with --json the error is a document with a code", async () => {
    const { status, stdout } = await wasmvisor(["run", "--kernel", "/no/such", "--json"]);
    expect(status).toBe(2);
    expect(JSON.parse(stdout)).toEqual({
      error: { code: "WV_CONFIG", message: expect.stringContaining("/no/such") },
    });
  });
});

test("a host that does not listen is named, with what to do", async () => {
  const { status, stderr } = await wasmvisor(["ls", "--host", "tcp://127.0.0.1:1"]);
  expect(stderr).toContain("wasmvisor host --listen tcp://127.0.0.1:1");
  expect(status).toBe(1);
});

test("an image that was not pulled says how to get it, with status 3", async () => {
  const env = { WASMVISOR_CACHE: scratch };
  const { status, stderr } = await wasmvisor(["run", "--image", "debian"], { env });
  expect(stderr).toContain("image pull");
  expect(status).toBe(3);
  const list = await wasmvisor(["image", "ls", "--json"], { env });
  expect(JSON.parse(list.stdout)).toEqual([]);
});

test("doctor finds what everything needs, and says how to get the rest", async () => {
  const { status, stdout } = await wasmvisor(["doctor", "--json"], {
    env: { WASMVISOR_CACHE: scratch, PATH: "/nowhere" },
  });
  const { findings, ok } = JSON.parse(stdout) as {
    readonly ok: boolean;
    readonly findings: readonly {
      readonly name: string;
      readonly state: string;
      readonly mend?: string;
    }[];
  };
  const of = (name: string) => findings.find((one) => one.name === name);
  expect(of("core")?.state).toBe("ok");
  expect(of("image")).toMatchObject({ state: "missing", mend: "wasmvisor image pull debian" });
  expect(of("apt")?.state).toBe("missing");
  expect([ok, status]).toEqual([true, 0]);
});

test("a guest's trace is recorded, fitted, and turned into advice", async () => {
  const file = join(scratch, "dirtier.wvtrace");
  const append = "fill=24MiB ws=8MiB rate=4000 pattern=uniform";
  const options = [
    "--memory",
    "32MiB",
    "--until",
    "^ready",
    "--duration",
    "2s",
    "--append",
    append,
  ];
  const recorded = await wasmvisor([
    "record",
    "--kernel",
    guest("dirtier.elf"),
    ...options,
    "--out",
    file,
    "--json",
  ]);
  expect([recorded.status, JSON.parse(recorded.stdout).intervals]).toEqual([0, 40]);
  const fitted = await wasmvisor(["fit", file, "--json"]);
  const { dirtyRate, distribution, workingSetBytes } = JSON.parse(fitted.stdout);
  expect(distribution).toEqual({ kind: "uniform" });
  expect(Math.abs(dirtyRate / 4_000 - 1)).toBeLessThan(0.1);
  expect(Math.abs(workingSetBytes / 2 ** 23 - 1)).toBeLessThan(0.05);
  const advised = await wasmvisor(["advise", file, "--bandwidth", "200Mbit", "--json"]);
  expect([advised.status, JSON.parse(advised.stdout)[0].fits]).toEqual([0, "yes"]);
  // No link moves pages as fast as this one is written, and the guest may not be silent for long.
  const slow = ["--bandwidth", "1Mbit", "--downtime", "5ms", "--timeout", "10s"];
  expect((await wasmvisor(["advise", file, ...slow])).status).toBe(1);
}, 120_000);

test("a dry run says how many scenarios there are, and leaves nothing", async () => {
  const out = join(scratch, "dry");
  const { status, stdout } = await wasmvisor(["sweep", PLAN, "--dry-run", "--out", out, "--json"]);
  expect([status, JSON.parse(stdout).scenarios]).toEqual([0, 5768]);
  await expect(rm(out)).rejects.toMatchObject({ code: "ENOENT" });
}, 120_000);
