import { deviceOf, type ExtentTable, extentsOf, indexOf } from "./extents.ts";

/** What a check of a pool has found. */
export interface PoolCheck {
  /** What is wrong, in words; empty: nothing. */
  readonly problems: readonly string[];
  readonly usedExtents: number;
  readonly freeExtents: number;
}

/** Counts who uses each extent: one, and those that nobody uses are free. */
export function checkPool(pool: {
  readonly places: Iterable<number>;
  /** Used by nobody, and free when the maps are saved. */
  readonly released: readonly number[];
  readonly devices: readonly { readonly extents: ExtentTable }[];
}): PoolCheck {
  const problems: string[] = [];
  const users = new Map<number, number>();
  const count = (extent: number): void => {
    users.set(extent, (users.get(extent) ?? 0) + 1);
  };
  pool.released.forEach(count);
  for (const place of pool.places) {
    const extents = extentsOf(place);
    extents.forEach(count);
    if (new Set(extents.map(deviceOf)).size < extents.length)
      problems.push(`both copies of a chunk are on one device: extents ${extents.join(", ")}`);
  }
  for (const [extent, uses] of users) {
    const table = pool.devices[deviceOf(extent)]?.extents;
    if (uses > 1) problems.push(`extent ${extent} is used ${uses} times`);
    if (!table?.isUsed(indexOf(extent))) problems.push(`extent ${extent} is used, and free`);
  }
  const freeExtents = pool.devices.reduce((sum, { extents }) => sum + extents.freeCount, 0);
  const all = pool.devices.reduce((sum, { extents }) => sum + extents.count, 0);
  const usedExtents = all - freeExtents;
  if (usedExtents !== users.size)
    problems.push(`${usedExtents} extents are taken, ${users.size} are used`);
  return { problems, usedExtents, freeExtents };
}
