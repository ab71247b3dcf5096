/** Shares of links against cases worked out by hand, and against what max-min fairness means. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { LinkSharing } from "../../ts/centre/max-min.ts";

const none = Number.POSITIVE_INFINITY;

function shares(
  capacities: readonly number[],
  flows: readonly { route: readonly number[]; limit?: number }[],
): number[] {
  const sharing = new LinkSharing(capacities);
  flows.forEach(({ limit, route }, f) => {
    sharing.add(f, route, limit ?? none);
  });
  sharing.settle(() => undefined);
  return flows.map((_, f) => sharing.rateOf(f));
}

test("one link is shared equally", () => {
  expect(shares([12], [{ route: [0] }, { route: [0] }, { route: [0] }])).toEqual([4, 4, 4]);
});

test("what a limited flow does not want the others get", () => {
  expect(
    shares([12], [{ route: [0], limit: 1 }, { route: [0] }, { route: [0], limit: 5 }]),
  ).toEqual([1, 6, 5]);
});

test("the example of Bertsekas and Gallager: a long flow and short ones on two links", () => {
  // Link 0 carries three flows, so 1/3 each; on link 1 the one that is left has 2/3.
  const flows = [{ route: [0, 1] }, { route: [0] }, { route: [0] }, { route: [1] }];
  const found = shares([1, 1], flows);
  [1 / 3, 1 / 3, 1 / 3, 2 / 3].forEach((share, f) => {
    expect(found[f]).toBeCloseTo(share, 12);
  });
});

test("three bottlenecks one after the other", () => {
  // 2 / 2 = 1 on link 0; link 1 has 6 - 1 = 5 for two: 2.5; link 2 has 10 - 2.5 = 7.5 for one.
  const flows = [
    { route: [0] },
    { route: [0, 1] },
    { route: [1] },
    { route: [1, 2] },
    { route: [2] },
  ];
  expect(shares([2, 6, 10], flows)).toEqual([1, 1, 2.5, 2.5, 7.5]);
});

test("a flow that goes gives its share to those that it held back, and to no one else", () => {
  const sharing = new LinkSharing([10, 10]);
  for (const [flow, link] of [
    [0, 0],
    [1, 0],
    [2, 1],
    [3, 1],
  ] as const)
    sharing.add(flow, [link], none);
  sharing.settle(() => undefined);
  const { solvedFlows } = sharing;
  const told: number[][] = [];
  sharing.remove(0);
  sharing.settle((flow, rate) => told.push([flow, rate]));
  expect(told).toEqual([[1, 10]]);
  expect(sharing.solvedFlows - solvedFlows).toBe(1);
});

test("of a thousand flows on links of their own an event solves one", () => {
  const sharing = new LinkSharing(new Float64Array(2000).fill(1e9));
  for (let f = 0; f < 1000; f++) sharing.add(f, [2 * f, 2 * f + 1], none);
  sharing.settle(() => undefined);
  const before = sharing.solvedFlows;
  sharing.limit(500, 1e6);
  sharing.settle(() => undefined);
  sharing.remove(17);
  sharing.settle(() => undefined);
  expect(sharing.solvedFlows - before).toBe(1);
  expect(sharing.rateOf(500)).toBe(1e6);
});

const network = fc.record({
  capacities: fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 8 }),
  steps: fc.array(
    fc.record({
      flow: fc.nat(11),
      links: fc.uniqueArray(fc.nat(7), { minLength: 1, maxLength: 4 }),
      limit: fc.oneof(fc.constant(none), fc.integer({ min: 1, max: 500 })),
      what: fc.constantFrom("add", "remove", "limit"),
    }),
    { minLength: 1, maxLength: 60 },
  ),
});

test("whatever comes, goes and is limited: nobody could have more without another having less", () => {
  fc.assert(
    fc.property(network, ({ capacities, steps }) => {
      const sharing = new LinkSharing(capacities);
      const flows = new Map<number, { route: readonly number[]; limit: number }>();
      for (const { flow, limit, links, what } of steps) {
        const route = [...new Set(links.map((l) => l % capacities.length))];
        const known = flows.get(flow);
        if (known && what === "remove") {
          sharing.remove(flow);
          flows.delete(flow);
        } else if (known) {
          sharing.limit(flow, limit);
          known.limit = limit;
        } else {
          sharing.add(flow, route, limit);
          flows.set(flow, { route, limit });
        }
        sharing.settle(() => undefined);
        expectMaxMin(capacities, flows, sharing);
      }
    }),
    { numRuns: 300 },
  );
});

/** Each flow has its limit, or a full link on its way on which no other has more. */
function expectMaxMin(
  capacities: readonly number[],
  flows: ReadonlyMap<number, { route: readonly number[]; limit: number }>,
  sharing: LinkSharing,
): void {
  const used = capacities.map(() => 0);
  const most = capacities.map(() => 0);
  for (const [flow, { route }] of flows)
    for (const link of route) {
      used[link] = (used[link] as number) + sharing.rateOf(flow);
      most[link] = Math.max(most[link] as number, sharing.rateOf(flow));
    }
  capacities.forEach((capacity, l) => {
    expect(used[l]).toBeLessThanOrEqual(capacity * (1 + 1e-6));
  });
  for (const [flow, { limit, route }] of flows) {
    const rate = sharing.rateOf(flow);
    const isHeld = route.some(
      (l) =>
        (used[l] as number) >= (capacities[l] as number) * (1 - 1e-6) &&
        rate >= (most[l] as number) * (1 - 1e-6),
    );
    expect(rate >= limit * (1 - 1e-6) || isHeld).toBe(true);
  }
}
