/** Setup: the target makes room for the guest, the source begins to note what is written. */
import { throwIfAborted } from "../../base/abort.ts";
import { type Task, wait } from "../../base/task.ts";
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
  const hello = encodeHello({ id, strategy, checkpointNs, arrives, features, shape });
  yield* session.connection.send(FRAME_HELLO, [hello]);
  session.accepted(decodeAccept(yield* session.inbox.expect(FRAME_ACCEPT)));
  yield* session.openLanes(CHANNELS_MAX);
  const set = guest.newPageSet();
  session.set = set;
  yield* wait(guest.startDirtyLog(set));
  const { identicalPages, verify, xbzrleCacheBytes: cacheBytes } = options;
  if (verify !== "frames")
    yield* wait(guest.encode?.({ cacheBytes, twins: identicalPages === "by-hash" }));
  stats.dirtySyncCount++;
  session.remainingPages = set.count();
  stats.setupDone(session.nowNs());
}
