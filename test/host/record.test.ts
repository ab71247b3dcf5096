/** Traces of running guests over the daemon's API, and migrations that choose their own way. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { MigrationAdvice } from "../../ts/host/migrations/advisor.ts";
import { decodeTrace } from "../../ts/migrate/trace/trace.ts";
import { fitWriter } from "../../ts/sweep/trace/fit.ts";
import { guest, wasmvisor } from "../cli/binary.ts";
import { type DaemonProcess, printed, startDaemon } from "./daemon-process.ts";

const MIB = 2 ** 20;
const ARGS = "fill=24MiB ws=16MiB rate=4000 pattern=uniform seed=3 idle=sleep heartbeat=0";
let source: DaemonProcess;
let target: DaemonProcess;
let scratch = "";
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "wasmvisor-record-"));
  [source, target] = await Promise.all([startDaemon("256MiB"), startDaemon("256MiB")]);
});
afterAll(async () => {
  await Promise.all([source.kill("SIGKILL"), target.kill("SIGKILL")]);
  await rm(scratch, { recursive: true, force: true });
});

async function runDirtier(name: string, append = ARGS): Promise<void> {
  const kernel = guest("dirtier.elf");
  await source.client.create({ name, kernel, memory: "64MiB", append });
  await source.client.act(name, "start");
  await printed(source.client, name, { pattern: /ready/ });
}

async function bytesOf(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

describe("a trace of a running vm", () => {
  beforeAll(() => runDirtier("web"));

  test("is what it writes, and it runs on", async () => {
    const out = join(scratch, "web.wvtrace");
    const args = ["record", "web", "--host", source.address, "--out", out, "--json"];
    const { status, stdout } = await wasmvisor([...args, "--interval", "50ms", "--duration", "2s"]);
    expect(status).toBe(0);
    const trace = decodeTrace(await readFile(out), out);
    expect(JSON.parse(stdout)).toMatchObject({ file: out, intervals: 40 });
    expect([trace.pageCount, trace.intervals.length]).toEqual([(64 * MIB) / 4096, 40]);
    const fit = fitWriter(trace);
    expect(fit.distribution.kind, JSON.stringify(fit)).toBe("uniform");
    expect(Math.abs(fit.dirtyRate / 4_000 - 1), JSON.stringify(fit)).toBeLessThan(0.25);
    expect(Math.abs(fit.workingSetBytes / (16 * MIB) - 1)).toBeLessThan(0.05);
    expect((await source.client.info("web")).status).toBe("running");
  });

  test("that its client leaves ends, and another can be taken", async () => {
    const left = new AbortController();
    const pieces = source.client.record("web", { duration: "1h", signal: left.signal });
    let bytes = 0;
    const read = (async () => {
      for await (const piece of pieces) {
        bytes += piece.length;
        if (bytes > 1000) left.abort();
      }
    })();
    await expect(read).rejects.toMatchObject({ code: "WV_ABORTED" });
    const short = { interval: "10ms", duration: "100ms" };
    await expect
      .poll(() => bytesOf(source.client.record("web", short)).then(() => "taken", String))
      .toBe("taken");
  });

  test("is refused where it cannot be taken, with a word on why", async () => {
    const first = bytesOf(source.client.record("web", { duration: "2s" }));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const ask = (name: string, options: object) => bytesOf(source.client.record(name, options));
    await expect(ask("web", {})).rejects.toMatchObject({ code: "WV_STATE" });
    await first;
    await expect(ask("nobody", {})).rejects.toMatchObject({ code: "WV_CONFIG" });
    await expect(ask("web", { interval: "1us" })).rejects.toMatchObject({ code: "WV_CONFIG" });
    await expect(ask("web", { interval: "1ms", duration: "10h" })).rejects.toMatchObject({
      message: expect.stringContaining("at most 1000000"),
    });
    const wrong = await wasmvisor(["record", "web", "--host", source.address, "--memory", "1GiB"]);
    expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining("runs already")]);
  });

  test("ends early, and whole, when the vm migrates", async () => {
    await runDirtier("goes");
    const pieces = bytesOf(source.client.record("goes", { interval: "20ms", duration: "1min" }));
    await new Promise((resolve) => setTimeout(resolve, 500));
    const outcome = await source.client.migrate("goes", { target: target.address });
    expect(outcome.state).toBe("completed");
    const trace = decodeTrace(await pieces);
    expect(trace.intervals.length).toBeGreaterThan(1);
    expect(trace.intervals.length).toBeLessThan(500);
    await target.client.destroy("goes");
  });
});

describe("migrate --strategy auto", () => {
  test("watches the guest and the link, says what it chose and why, and goes that way", async () => {
    await runDirtier("calm", ARGS.replace("4000", "500"));
    const args = ["migrate", "calm", target.address, "--host", source.address, "--json"];
    const { status, stdout } = await wasmvisor([
      ...args,
      "--strategy",
      "auto",
      "--bandwidth",
      "400Mbit",
    ]);
    expect(status).toBe(0);
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const { advice } = lines.find((line) => line.advice) as { advice: MigrationAdvice };
    expect([advice.choice, advice.fits, advice.link.source]).toEqual([
      "pre-copy",
      "yes",
      "measured",
    ]);
    expect(Math.abs(advice.writer.dirtyRate / 500 - 1), JSON.stringify(advice)).toBeLessThan(0.4);
    const { outcome } = lines.at(-1);
    expect([outcome.state, outcome.strategy]).toEqual(["completed", "pre-copy"]);
    expect(outcome.stats["total-time"]).toBeLessThan(3 * advice.totalMs.high);
  });

  test("takes another way where pre-copy does not converge, and tells people so", async () => {
    await runDirtier("busy", ARGS.replace("4000", "20000"));
    const args = ["migrate", "busy", target.address, "--host", source.address];
    const how = ["--strategy", "auto", "--bandwidth", "100Mbit", "--downtime", "50ms"];
    const { status, stderr } = await wasmvisor([...args, ...how]);
    expect([status, stderr]).toEqual([
      0,
      expect.stringMatching(
        /^busy: chose (hybrid|post-copy|pre-copy, auto-converge).*: it writes \d+ pages\/s/m,
      ),
    ]);
  });

  test("is refused for a vm that is not there", async () => {
    const asked = source.client.migrate("nobody", { target: target.address, strategy: "auto" });
    await expect(asked).rejects.toMatchObject({ code: "WV_CONFIG" });
  });
});

test("files that are no traces are refused by name and place, with a remedy", async () => {
  const file = async (name: string, content: string | Uint8Array): Promise<string> => {
    await writeFile(join(scratch, name), content);
    return join(scratch, name);
  };
  const web = await readFile(join(scratch, "web.wvtrace"));
  const backwards = "time_ms,page\n50,1\n100,2\n70,3\n";
  const cases: readonly (readonly [string, RegExp])[] = [
    [
      await file("cut.wvtrace", web.subarray(0, web.length - 30)),
      /cut\.wvtrace: byte \d+: the file is cut behind \d+ whole intervals.*record it again/,
    ],
    [await file("none.csv", "a,b\n1,2\n"), /none\.csv:1: .*no column time_ms and no page/],
    [
      await file("short.csv", "time_ms,page,pages\n50,1,1\n100,2\n"),
      /short\.csv:3: pages is missing: the line is cut/,
    ],
    [
      await file("back.csv", backwards),
      /back\.csv:4: time goes backwards, from 100 to 70 ms; sort/,
    ],
    [
      await file("word.csv", "time_ms,page\n50,x\n"),
      /word\.csv:2: page: expected a number, got "x"/,
    ],
    [
      await file("long.csv", `time_ms,page\n${"9".repeat(3 << 20)}`),
      /long\.csv:2: a line of more than 65536 characters/,
    ],
    [await file("empty", ""), /empty: it is empty/],
    [
      await file("answer.json", '{"return": {"status": "measuring"}}'),
      /answer\.json: .*ask query-dirty-rate again/,
    ],
    [join(scratch, "absent"), /cannot read ".*absent" \(ENOENT\)/],
  ];
  for (const [path, message] of cases)
    for (const command of ["fit", "advise"]) {
      const link = command === "advise" ? ["--bandwidth", "1Gbit"] : [];
      const { status, stderr } = await wasmvisor([command, path, ...link]);
      expect([status, stderr]).toEqual([2, expect.stringMatching(message)]);
    }
  const good = await file("good.csv", "page,time_ms,who\n7,50,a\n9,50,b\n7,100,a\n");
  const { status, stdout } = await wasmvisor(["fit", good, "--memory", "1MiB", "--json"]);
  expect([status, JSON.parse(stdout).memoryBytes]).toEqual([0, 1 << 20]);
});
