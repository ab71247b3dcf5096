/** Planners: what each is called for, rules that all of them keep, and modules of a user's own. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import {
  faultOf,
  leastSeconds,
  type Move,
  type PlacementRequest,
  type PlanVm,
} from "../../ts/centre/planners/placement.ts";
import { PlannerModule } from "../../ts/centre/planners/planner-module.ts";
import { PLANNERS, type PlannerName } from "../../ts/centre/planners/planners.ts";
import { GIB } from "./small-centre.ts";

const scratch = mkdtempSync(join(tmpdir(), "wasmvisor-planner-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const vmOf = (memoryGib: number, change: Partial<PlanVm> = {}): PlanVm => ({
  name: `vm-${memoryGib}`,
  host: 0,
  memoryBytes: memoryGib * GIB,
  cpus: 1,
  affinity: "",
  antiAffinity: "",
  ...change,
});

/** Host 0 has to be emptied; the others have so much left. */
function request(freeGib: readonly number[], vms: readonly PlanVm[]): PlacementRequest {
  const hosts = [0, ...freeGib].map((gib, h) => ({
    name: `host-${h}`,
    rack: "rack",
    site: "site",
    cpus: 32,
    memoryBytes: 64 * GIB,
    freeBytes: gib * GIB,
    freeCpus: 32,
    nicBytesPerSec: GIB,
    uplinkBytesPerSec: GIB,
    isOpen: h > 0,
  }));
  return { hosts, vms, movers: vms.map((_, v) => v), lines: [], ways: [] };
}

/** Seconds that the busiest network card needs: card h sends over link 2 h and takes from 2 h + 1. */
function least({ hosts, vms }: PlacementRequest, moves: readonly Move[]): number {
  const links = hosts.flatMap(({ nicBytesPerSec: bytesPerSec }) => [
    { bytesPerSec },
    { bytesPerSec },
  ]);
  const sent = moves.map(({ target, vm }) => {
    const { host, memoryBytes: bytes } = vms[vm] as PlanVm;
    return { links: [2 * host, 2 * target + 1], bytes };
  });
  return leastSeconds({ links }, sent);
}

const targets = (moves: readonly Move[]) => moves.map(({ target, vm }) => `${vm}>${target}`);

test("first-fit, best-fit and worst-fit decreasing differ where the textbook says", () => {
  const asked = request([12, 8, 32], [vmOf(4), vmOf(8), vmOf(2)]);
  // Largest first. First: the first with room. Best: the fullest with room. Worst: the emptiest.
  expect(targets(PLANNERS["first-fit"](asked))).toEqual(["1>1", "0>1", "2>2"]);
  expect(targets(PLANNERS["best-fit"](asked))).toEqual(["1>2", "0>1", "2>1"]);
  expect(targets(PLANNERS["worst-fit"](asked))).toEqual(["1>3", "0>3", "2>3"]);
});

test("minimum migration time: the smallest first, to the card that is free soonest", () => {
  const moves = PLANNERS["minimum-migration-time"](request([64, 64], [vmOf(8), vmOf(2), vmOf(3)]));
  expect(targets(moves)).toEqual(["1>1", "2>2", "0>1"]);
});

test("minimum migration time sees the links that racks share", () => {
  const far = (uplinkGib: number): PlacementRequest => {
    const asked = request([64, 64], [vmOf(4), vmOf(2)]);
    const hosts = asked.hosts.map((host, h) => ({
      ...host,
      rack: h === 2 ? "far" : "near",
      uplinkBytesPerSec: uplinkGib * GIB,
    }));
    return { ...asked, hosts };
  };
  // Behind the other one on the near card: 6 s. Over the link: 4 s, or 8 s.
  expect(targets(PLANNERS["minimum-migration-time"](far(1)))).toEqual(["1>1", "0>2"]);
  expect(targets(PLANNERS["minimum-migration-time"](far(0.5)))).toEqual(["1>1", "0>1"]);
});

test("minimum migration time sees the lines between sites, and where there is none", () => {
  const abroad = (lineGib: number, hasWay = true): PlacementRequest => {
    const asked = request([64, 64], [vmOf(4), vmOf(2)]);
    const hosts = asked.hosts.map((host, h) => ({
      ...host,
      rack: h === 2 ? "far" : "near",
      site: h === 2 ? "abroad" : "here",
      uplinkBytesPerSec: 100 * GIB,
    }));
    const lines = [{ name: "wan/there", bytesPerSec: lineGib * GIB }];
    const ways = hasWay ? [{ from: "here", to: "abroad", lines: [0] }] : [];
    return { ...asked, hosts, lines, ways };
  };
  // Behind the other one on the near card: 6 s. Over the line: 4 s, or 8 s, or never.
  expect(targets(PLANNERS["minimum-migration-time"](abroad(1)))).toEqual(["1>1", "0>2"]);
  expect(targets(PLANNERS["minimum-migration-time"](abroad(0.5)))).toEqual(["1>1", "0>1"]);
  expect(targets(PLANNERS["minimum-migration-time"](abroad(9, false)))).toEqual(["1>1", "0>1"]);
});

test("affinity keeps vms together, anti-affinity apart, for every planner", () => {
  const vms = [vmOf(1, { affinity: "a" }), vmOf(3, { affinity: "a" })];
  const apart = [vmOf(2, { antiAffinity: "b" }), vmOf(4, { antiAffinity: "b" })];
  for (const planner of Object.values(PLANNERS)) {
    const moves = planner(request([10, 10], [...vms, ...apart]));
    const to = (vm: number) => moves.find((move) => move.vm === vm)?.target;
    expect(moves.length).toBe(4);
    expect(to(0)).toBe(to(1));
    expect(to(2)).not.toBe(to(3));
  }
});

test("a vm that fits nowhere is left out, the others are not", () => {
  for (const planner of Object.values(PLANNERS))
    expect(targets(planner(request([4], [vmOf(8), vmOf(3)])))).toEqual(["1>1"]);
});

test("no planner overcommits, and none is faster than the solver where both place all", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 16 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 4 }),
      sizes,
      (free, vms) => {
        const asked = request(
          free,
          vms.map((gib) => vmOf(gib)),
        );
        const best = PLANNERS.solver(asked);
        for (const name of Object.keys(PLANNERS) as PlannerName[]) {
          const moves = PLANNERS[name](asked);
          expect(faultOf(asked, moves)).toBe("");
          expect(moves.length).toBeLessThanOrEqual(best.length);
          if (moves.length === vms.length)
            expect(least(asked, best)).toBeLessThanOrEqual(least(asked, moves) + 1e-9);
        }
      },
    ),
    { numRuns: 200 },
  );
});

test("the solver beats a heuristic where that is blind", () => {
  // Largest first to the first: all on one card. Evenly: three and three.
  const asked = request([64, 64], [vmOf(3), vmOf(2), vmOf(1)]);
  expect(least(asked, PLANNERS["first-fit"](asked))).toBe(6);
  const solved = PLANNERS.solver(asked);
  const into = [1, 2].map((host) =>
    solved.filter(({ target }) => target === host).reduce((sum, { vm }) => sum + 3 - vm, 0),
  );
  expect(into).toEqual([3, 3]);
});

test("the solver says when a case is too large for it", () => {
  const many = Array.from({ length: 13 }, () => vmOf(1));
  expect(() => PLANNERS.solver(request([64], many))).toThrow(/13 vms .* 12 at most/);
});

function module(text: string): string {
  const file = join(scratch, `planner-${Math.abs(text.length)}-${text.codePointAt(20)}.mjs`);
  writeFileSync(file, text);
  return file;
}

async function failure(text: string, asked = request([64], [vmOf(1)]), timeoutMs = 5000) {
  try {
    const planner = new PlannerModule(module(text), timeoutMs);
    try {
      planner.plan(asked);
    } finally {
      await planner.close();
    }
  } catch (error) {
    return error as Error & { code: string };
  }
  return undefined;
}

test("a planner of one's own is asked in a thread of its own, and answers", async () => {
  const text =
    "export default ({ movers, hosts }) => movers.map((vm) => ({ vm, target: hosts.findLastIndex((h) => h.isOpen) }));";
  const planner = new PlannerModule(
    module(text.replace("findLastIndex((h) => h.isOpen)", "length - 1")),
    5000,
  );
  expect(targets(planner.plan(request([9, 9], [vmOf(1), vmOf(2)])))).toEqual(["0>2", "1>2"]);
  expect(targets(planner.plan(request([9], [vmOf(1)])))).toEqual(["0>1"]);
  await planner.close();
});

test.each([
  ["throws", "export default () => { throw new Error('no idea'); };", /planner .*: no idea$/],
  ["is no function", "export default 7;", /its default export is no function/],
  ["does not parse", "export default (", /planner .*: Unexpected/],
  ["says nothing", "export default () => undefined;", /expected an array of \{vm, target\}/],
  ["says nonsense", "export default () => [{ vm: 0, target: 'b' }];", /two numbers/],
])("a planner that %s is an error with a code", async (_, text, message) => {
  const error = await failure(text);
  expect(error?.code).toBe("WV_PLANNER");
  expect(error?.message).toMatch(message);
});

test("a planner that loops costs its time and no more", async () => {
  const error = await failure("export default () => { for (;;) ; };", undefined, 300);
  expect(error?.code).toBe("WV_PLANNER");
  expect(error?.message).toMatch(/no answer after 300 ms; --planner-timeout/);
});

test.each([
  [
    "a host that is full",
    request([4], [vmOf(8)]),
    [{ vm: 0, target: 1 }],
    /host-1: that has no memory/,
  ],
  [
    "a host that is closed",
    request([4], [vmOf(1)]),
    [{ vm: 0, target: 0 }],
    /host-0: that takes no vms/,
  ],
  ["a host that is none", request([4], [vmOf(1)]), [{ vm: 0, target: 9 }], /9: that is no host/],
  [
    "two places",
    request([4], [vmOf(1)]),
    [
      { vm: 0, target: 1 },
      { vm: 0, target: 1 },
    ],
    /moved twice/,
  ],
])("an answer that sends a vm to %s is found out", (_, asked, moves, message) => {
  expect(faultOf(asked, moves)).toMatch(message);
});
