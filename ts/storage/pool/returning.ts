/**
 * Devices that had failed and are there again. What was written meanwhile is on others, so what such a device has of
 * it is given up, and made anew like any second copy. What lies nowhere else is what it was: nobody could write it.
 */
import { WasmvisorError } from "../../base/errors.ts";
import type { Task } from "../../base/task.ts";
import type { BlockBackend } from "../../machine/block.ts";
import { closeQuietly, type PoolCore } from "./core.ts";
import { deviceOf, extentsOf, placeOf } from "./extents.ts";
import type { Member } from "./members.ts";

/** Failed, and known by its label: it can be told from another disk. */
export function canReturn(member: Member): boolean {
  return member.isFailed && member.id !== "";
}

/** `backend`, which has been found to be the device, takes its place again. Throws `WV_STATE` if another must first. */
export function* takeBack(core: PoolCore, at: number, backend: BlockBackend): Task<void> {
  const member = core.members.list[at] as Member;
  checkOrder(core, at, member);
  dropStale(core, at);
  const before = member.backend;
  const { failedAt, problem } = member;
  Object.assign(member, { backend, isFailed: false, failedAt: 0, problem: undefined });
  core.isDirty = true;
  try {
    yield* core.commit("none");
  } catch (error) {
    // Maps that are saved may still name what is stale on it.
    core.members.fail(member, problem ?? error, failedAt);
    throw error;
  }
  yield* closeQuietly(before);
}

/** Of two copies on failed devices the one that failed last is right, and both if they were missed together. */
function checkOrder(core: PoolCore, at: number, member: Member): void {
  const { members } = core;
  for (const place of core.layers.places()) {
    const devices = extentsOf(place).map(deviceOf);
    if (!devices.includes(at)) continue;
    const newer = devices
      .map((device) => members.list[device] as Member)
      .find(({ failedAt, isFailed }) => isFailed && failedAt > member.failedAt);
    if (newer)
      throw new WasmvisorError(
        "WV_STATE",
        `pool: "${newer.name}" failed after "${member.name}" and has what that missed: it must come back first`,
      );
  }
}

function dropStale(core: PoolCore, at: number): void {
  const isThere = (extent: number): boolean => deviceOf(extent) === at;
  for (const { places } of core.layers.byId.values())
    for (const [chunk, place] of places) {
      const extents = extentsOf(place);
      const isElsewhere = extents.some((one) => !isThere(one) && core.members.isHealthy(one));
      if (!isElsewhere || !extents.some(isThere)) continue;
      core.released.push(...extents.filter(isThere));
      places.set(chunk, placeOf(extents.filter((one) => !isThere(one))));
    }
}
