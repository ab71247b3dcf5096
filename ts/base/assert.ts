/** Throws if `isTrue` is not: a bug of ours, never the fault of a guest, a peer or a caller. */
export function assert(isTrue: boolean, claim: string): asserts isTrue {
  if (!isTrue) throw new Error(`bug: not true that ${claim}`);
}
