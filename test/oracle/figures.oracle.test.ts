/** The figures of a sweep as files for papers: a mark for each point, in SVG, and the same pixels in PNG. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parsePlan } from "../../ts/sweep/plan.ts";
import { rebuildReport, runSweep } from "../../ts/sweep/run-sweep.ts";

const PLAN = parsePlan(`apiVersion: wasmvisor.dev/v1
kind: Sweep
name: figures
parts:
  - name: fluid
    fidelity: fluid
    axes:
      memory: 256MiB
      bandwidth: [1Gbit, 10Gbit]
      strategy: [stop-and-copy, pre-copy, post-copy]
      dirtyRate: [1000, 3000, 9000]
`);
const STRATEGY_COLOURS = ["#d55e00", "#0072b2", "#009e73"];

const home = mkdtempSync(join(tmpdir(), "wasmvisor-figures-"));
const [svg, png] = [join(home, "svg"), join(home, "png")];
/** Over one of the links: the figures are of one, as their subtitles say. */
let converged = 0;

beforeAll(async () => {
  const out = join(home, "out");
  const { files } = await runSweep(PLAN, { out, engine: "inline" });
  await rebuildReport(out, { svg, png });
  const rows = readFileSync(files.results, "utf8").trimEnd().split("\n");
  const done = rows.map((row) => JSON.parse(row)).filter(({ state }) => state === "completed");
  converged = done.filter((row) => row.bandwidth_bytes_per_s === 125e6).length;
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const textOf = (name: string): string => readFileSync(join(svg, name), "utf8");

interface Picture {
  readonly width: number;
  readonly height: number;
  /** Each colour as `#rrggbb`, and of how many pixels it is. */
  readonly colours: ReadonlyMap<string, number>;
}

/** 8 bits a channel, red, green, blue and opacity, as resvg writes them. */
function pictureOf(file: Buffer): Picture {
  expect(file.toString("latin1", 0, 8)).toBe("\x89PNG\r\n\x1a\n");
  const [width, height] = [file.readUInt32BE(16), file.readUInt32BE(20)];
  expect([...file.subarray(24, 29)]).toEqual([8, 6, 0, 0, 0]);
  const parts: Buffer[] = [];
  for (let at = 8; at < file.length; at += 12 + file.readUInt32BE(at))
    if (file.toString("latin1", at + 4, at + 8) === "IDAT")
      parts.push(file.subarray(at + 8, at + 8 + file.readUInt32BE(at)));
  const bytes = inflateSync(Buffer.concat(parts));
  const row = width * 4;
  expect(bytes.length).toBe((row + 1) * height);
  const colours = new Map<string, number>();
  let above = Buffer.alloc(row);
  for (let y = 0; y < height; y++) {
    const line = unfiltered(bytes.subarray(y * (row + 1), (y + 1) * (row + 1)), above);
    for (let x = 0; x < row; x += 4) {
      const colour = `#${line.toString("hex", x, x + 3)}`;
      colours.set(colour, (colours.get(colour) ?? 0) + 1);
    }
    above = line;
  }
  return { width, height, colours };
}

/** A line of pixels from how it differs from those left of it and above. */
function unfiltered(line: Buffer, above: Buffer): Buffer<ArrayBuffer> {
  const [kind] = line;
  const out = Buffer.from(line.subarray(1));
  const at = (bytes: Buffer, i: number): number => (i < 0 ? 0 : (bytes[i] as number));
  for (let i = 0; i < out.length; i++) {
    const [a, b, c] = [at(out, i - 4), at(above, i), at(above, i - 4)];
    const guess = [0, a, b, (a + b) >> 1, paeth(a, b, c)][kind as number] as number;
    out[i] = (out[i] as number) + guess;
  }
  return out;
}

function paeth(a: number, b: number, c: number): number {
  const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
  if (pa <= pb && pa <= pc) return a;
  return pb <= pc ? b : c;
}

test("a figure has a mark for each point, in the colour of its strategy", () => {
  const text = textOf("fluid-pareto.svg");
  expect(converged).toBeGreaterThan(6);
  expect(text).toContain("link 1Gbit");
  const filled = STRATEGY_COLOURS.map((colour) => text.split(`fill="${colour}"`).length - 1);
  // Its legend has one of each.
  expect(filled.reduce((sum, one) => sum + one)).toBe(converged + STRATEGY_COLOURS.length);
  for (const count of filled) expect(count).toBeGreaterThan(1);
  // Nothing is loaded by who opens it.
  expect(/<(script|image|foreignObject)|href="(?!#)|url\((?!#)/.test(text)).toBe(false);
});

test("each one is there as PNG, too, twice as large, with the colours that it has as SVG", () => {
  const names = readdirSync(svg).map((name) => name.replace(/\.svg$/, ""));
  expect(names.length).toBeGreaterThan(8);
  expect(readdirSync(png).sort()).toEqual(names.map((name) => `${name}.png`).sort());
  for (const name of names.filter((_, i) => i % 4 === 0)) {
    const text = textOf(`${name}.svg`);
    const [, width, height] = /^<svg[^>]* width="([\d.]+)" height="([\d.]+)"/.exec(text) ?? [];
    const picture = pictureOf(readFileSync(join(png, `${name}.png`)));
    expect(Math.abs(picture.width - 2 * Number(width)), name).toBeLessThanOrEqual(2);
    expect(Math.abs(picture.height - 2 * Number(height)), name).toBeLessThanOrEqual(2);
    // Words and lines: more than a white sheet, and than a sheet of one grey.
    expect(picture.colours.get("#ffffff") ?? 0, name).toBeGreaterThan(1000);
    expect(picture.colours.size, name).toBeGreaterThan(20);
  }
  const { colours } = pictureOf(readFileSync(join(png, "fluid-pareto.png")));
  // Marks let through a little of what is below, legends do not.
  for (const colour of STRATEGY_COLOURS)
    expect(colours.get(colour) ?? 0, colour).toBeGreaterThan(50);
});
