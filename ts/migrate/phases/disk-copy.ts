/** Disks that are copied while their guest runs: before its memory, and what was written since after each round. */

import { WasmvisorError } from "../../base/errors.ts";
import type { Task } from "../../base/task.ts";
import { encodeBlockMap } from "../block-frames.ts";
import type { Session } from "../session.ts";
import { FRAME_LEFT_BLOCKS } from "../stream.ts";

/** Settles when what is left may go with the guest stopped. Throws where that takes longer than it may. */
export function* copyDisks(session: Session): Task<void> {
  const { disks, options, stats } = session;
  if (disks?.how !== "pre-copy") return;
  const isLate = (): boolean => session.nowNs() - stats.startNs > options.timeoutNs;
  yield* disks.copy(() => ({
    bytesPerSec: session.window.bytesPerSec,
    downtimeLimitNs: options.downtimeLimitNs,
    isOver: isLate(),
  }));
  if (isLate() && options.onLimit === "fail")
    throw new WasmvisorError(
      "WV_MIGRATION",
      `the disks did not converge: ${disks.remainingBytes} bytes left`,
    );
}

/** With the guest stopped: what is left of its disks. */
export function* sendDisks(session: Session): Task<void> {
  const { disks } = session;
  if (!disks) return;
  disks.harvest();
  if (disks.how !== "on-demand") return yield* disks.sendLeft();
  yield* disks.leaveHoles();
  for (const { disk, left } of disks.states)
    yield* session.connection.send(FRAME_LEFT_BLOCKS, encodeBlockMap(disk.index, left));
}
