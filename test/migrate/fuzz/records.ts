/** What kinds of records a frame of pages has. */
import {
  BATCH_CHECKED,
  BATCH_DELTA,
  BATCH_TWIN,
  BATCH_ZERO,
  PAGE_BYTES,
} from "../../../bindings/abi.ts";
import {
  FRAME_CHECKPOINT_PAGES,
  FRAME_PAGES,
  FRAME_SEALED,
  loadU32,
  SEALED_HEADER_BYTES,
} from "../../../ts/migrate/stream.ts";
import type { FuzzFrame } from "./mutate.ts";

const HEADER_BYTES = 12;

/** `zero page`, `plain page`, `checked page`, `delta`, `twin`: those in the frame; `sealed` if it is. */
export function traitsOf(frame: FuzzFrame | undefined): ReadonlySet<string> {
  const traits = new Set<string>();
  if (!frame || ![FRAME_PAGES, FRAME_SEALED, FRAME_CHECKPOINT_PAGES].includes(frame.type))
    return traits;
  const { payload } = frame;
  const isSealed = frame.type === FRAME_SEALED;
  for (let at = isSealed ? SEALED_HEADER_BYTES : HEADER_BYTES; at + 4 <= payload.length; ) {
    const head = loadU32(payload, at);
    const [trait, bytes] = recordAt(payload, at, head);
    traits.add(isSealed ? `sealed ${trait}` : trait);
    at += bytes;
  }
  return traits;
}

function recordAt(payload: Uint8Array, at: number, head: number): readonly [string, number] {
  if (head & BATCH_ZERO) return ["zero page", 4];
  if (!(head & BATCH_CHECKED)) return ["plain page", 4 + PAGE_BYTES];
  if (head & BATCH_TWIN) return ["twin", 12];
  if (!(head & BATCH_DELTA)) return ["checked page", 8 + PAGE_BYTES];
  return ["delta", 10 + ((payload[at + 8] as number) | ((payload[at + 9] as number) << 8))];
}
