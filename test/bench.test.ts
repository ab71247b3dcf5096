/** What the benches make of a console and of ratios: no timing, only arithmetic. */
import { expect, test } from "vitest";
import { fioFigures } from "../bench/disk.ts";
import { type BenchRow, rowOf } from "../bench/harness.ts";
import { BeatLog, silencesIn } from "../bench/heartbeat.ts";
import { type ConsoleLine, figureOf, runMachine, timedIn } from "../bench/machine-run.ts";
import { iperfFigures } from "../bench/network.ts";
import { targetsOf } from "../bench/targets.ts";
import { rowsAgainst, timedGuest } from "../bench/timed-guest.ts";

const line = (text: string, wallMs: number, cpuMs = wallMs / 2): ConsoleLine => ({
  text,
  wallMs,
  cpuMs,
});
const row = (bench: string, ratio: number): BenchRow => ({
  ...rowOf({ bench, unit: "ms", better: "lower", ours: [1] }),
  ratio,
});

test("a timed piece has the guest's time, and the processor time between its lines", () => {
  const [sieve] = timedIn(
    [line("begin sieve", 1000), line("noise", 1500), line("program sieve ok us 2000000", 3000)],
    "program",
  );
  expect(sieve).toMatchObject({ name: "sieve", result: "ok", guestMs: 2000 });
  if (sieve === undefined) return;
  expect(figureOf(sieve, "wall")).toBe(2000);
  expect(figureOf(sieve, "cpu")).toBe(1000);
});

test("a guest whose clock runs away from the host's is refused", () => {
  const lines = [line("begin sieve", 0), line("program sieve ok us 1000000", 3000)];
  expect(() => timedIn(lines, "program")).toThrow("sieve: 1000 ms by the guest's clock, 3000");
});

test("a ratio is the peer's time over ours, their mean is geometric", () => {
  const guest = (name: string, times: readonly (readonly [string, number])[]) => {
    const machine = timedGuest(name, { program: "", args: [] });
    machine.runs.push({
      lines: [],
      timed: times.map(([piece, guestMs]) => {
        return { name: piece, result: "", guestMs, wallMs: guestMs, cpuMs: guestMs };
      }),
    });
    return machine;
  };
  const [ours, peer] = [
    guest("ours", [["a", 10] as const, ["b", 10] as const]),
    guest("peer", [["a", 40] as const, ["b", 10] as const]),
  ];
  const rows = rowsAgainst(peer, ours, { suite: "s", time: "wall" });
  expect(rows.map(({ bench, ratio }) => [bench, ratio])).toEqual([
    ["s/a", 4],
    ["s/b", 1],
    ["s/geomean", 2],
  ]);
  expect(rowsAgainst(undefined, ours, { suite: "s", time: "wall" })).toHaveLength(2);
});

test("a target is held against its lowest row", () => {
  const text = targetsOf([
    row("linux-programs/qemu/getppid", 1.2),
    row("linux-programs/qemu/fork", 0.7),
    row("kernels/geomean5", 0.9),
    row("linux-programs/v86/geomean", 5),
  ]);
  expect(text).toMatch(/fork \+ wait.* 0\.70 \| must \| linux-programs\/qemu\/fork/);
  expect(text).toMatch(/five plain kernels.* 0\.90 \| short \|/);
  expect(text).toMatch(/vs v86 .* 5\.00 \| aim \|/);
  expect(text).not.toContain("userland");
  expect(targetsOf([])).toBe("");
});

test("a silence is what its listener heard, however late the bench gets to it, and on whichever console", () => {
  const log = new BeatLog();
  const heard = [
    [0, "hb 1 10\nhb 2", 100],
    [0, " 20\n", 110],
    [1, "hb 2 20\n", 111], // What a console repeats to newcomers.
    [1, "noise\nhb 3 30\n", 135],
  ] as const;
  for (const [source, text, atMs] of heard) log.add(source, text, atMs); // All at once.
  expect(log.beats).toEqual([
    { number: 1, atMs: 100 },
    { number: 2, atMs: 110 },
    { number: 3, atMs: 135 },
  ]);
  expect(silencesIn(log.beats, 0, 200)).toEqual([
    { ms: 25, atMs: 110 },
    { ms: 10, atMs: 100 },
  ]);
});

test("a machine that ends or hangs before its line is an error with what it printed", async () => {
  const node = (script: string) => ({ program: process.execPath, args: ["-e", script] });
  const until = /^end/;
  await expect(
    runMachine(node("console.log('so far')"), { until, timeoutSec: 20 }),
  ).rejects.toThrow(/so far\nended with 0/);
  await expect(
    runMachine(node("setInterval(() => {}, 1000)"), { until, timeoutSec: 1 }),
  ).rejects.toThrow("in 1 s");
  const lines = await runMachine(node("console.log('x\\nend'); setInterval(() => {}, 1000)"), {
    until,
    timeoutSec: 20,
  });
  expect(lines.map(({ text }) => text)).toEqual(["x", "end"]);
});

test("fio's figures are those of jobs that went well", () => {
  const report = (name: string, error: number, values: Readonly<Record<number, string>>): string =>
    Object.entries(values)
      .reduce((fields, [at, value]) => fields.with(Number(at), value), Array(120).fill("0"))
      .with(0, "3")
      .with(1, "fio-3.39")
      .with(2, name)
      .with(4, String(error))
      .join(";");
  const lines = [
    "noise",
    report("read", 0, { 6: "1000" }),
    report("randwrite", 0, { 48: "4100" }),
    report("write", 5, { 47: "9" }),
  ];
  expect([...fioFigures(lines)]).toEqual([
    ["read", 1.024],
    ["randwrite", 4100],
  ]);
});

test("iperf3's figure is what arrived, of each row", () => {
  const lines = [
    "begin out",
    "[  5]   0.00-6.00   sec   238 MBytes  332000 Kbits/sec    0            sender",
    "[  5]   0.00-6.01   sec   237 MBytes  331000 Kbits/sec                  receiver",
    "begin in",
    "iperf3: error - unable to connect",
  ];
  expect([...iperfFigures(lines)]).toEqual([["out", 331]]);
});
