/** Setup: the target makes room for the guest, the source begins to note what is written. */
import { throwIfAborted } from "../../base/abort.ts";
import { WasmvisorError } from "../../base/errors.ts";
import { type Task, wait } from "../../base/task.ts";
import type { DiskShape } from "../block-frames.ts";
import type { Feature } from "../features.ts";
import { CHANNELS_MAX } from "../lanes.ts";
import { decodeAccept, encodeHello } from "../messages.ts";
import type { Session } from "../session.ts";
import { FRAME_ACCEPT, FRAME_HELLO } from "../stream.ts";

export function* setup(session: Session): Task<void> {
  const { guest, options, stats } = session;
  session.enter("setup");
  throwIfAborted(options.signal);
  const { arrives, checkpointNs, id, strategy } = options;
  const { shape } = guest;
  const features: Feature[] = [];
  if (options.channels > 1) features.push("channels");
  if (options.packer) features.push(options.packer.name);
  if (options.verify !== "frames" && guest.encode) features.push("seals");
  const disks = yield* offerDisks(session, features);
  const hello = encodeHello({ id, strategy, checkpointNs, arrives, features, shape, disks });
  yield* session.connection.send(FRAME_HELLO, [hello]);
  const taken = decodeAccept(yield* session.inbox.expect(FRAME_ACCEPT));
  session.accepted(taken);
  mustTakeDisks(session, taken);
  yield* session.openLanes(CHANNELS_MAX);
  const set = guest.newPageSet();
  session.set = set;
  yield* wait(guest.startDirtyLog(set));
  const { identicalPages, verify, xbzrleCacheBytes: cacheBytes } = options;
  if (verify !== "frames")
    yield* wait(guest.encode?.({ cacheBytes, twins: identicalPages === "by-hash" }));
  stats.dirtySyncCount++;
  session.remainingPages = set.count();
  session.disks?.start();
  stats.setupDone(session.nowNs());
}

function* offerDisks({ disks, options }: Session, features: Feature[]): Task<DiskShape[]> {
  if (!disks) return [];
  // What the target sends back builds on a disk that went on there, and the one that stands here does not.
  if (options.checkpointNs > 0)
    throw new WasmvisorError(
      "WV_CONFIG",
      "checkpoints: not with disks that are copied along: they bring back memory, and what the guest has written to " +
        "its disks since is only at the target; leave out --checkpoint, or let both hosts reach the disks (a server " +
        "that exports them by NBD) and leave out --copy-disks",
    );
  features.push("disks");
  if (options.diskCopy === "on-demand") features.push("disks-on-demand");
  return yield* disks.shapes();
}

function mustTakeDisks({ disks, options }: Session, taken: readonly string[]): void {
  if (!disks) return;
  const feature: Feature = options.diskCopy === "on-demand" ? "disks-on-demand" : "disks";
  if (taken.includes("disks") && taken.includes(feature)) return;
  throw new WasmvisorError(
    "WV_MIGRATION",
    `the target's release has no "${feature}": it cannot take a copy of a disk${feature === "disks" ? "" : " after its guest"}; ` +
      "update it, or move with a disk that both hosts reach",
  );
}
