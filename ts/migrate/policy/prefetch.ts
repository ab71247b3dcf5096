/**
 * Which pages go next in post-copy. Two rules of the field:
 *
 * Readahead, as Linux has it for files: faults that follow each other get the next pages as well,
 * twice as many each time; any other fault gets its page alone.
 *
 * Bubbling (Hines and Gopalan, VEE'09): the background push goes on around the last fault, to both
 * sides, in steps that grow.
 */

export interface Readahead {
  /** Page behind those that were sent ahead. */
  readonly nextGfn: number;
  /** How many they were, with the page of the fault. */
  readonly pages: number;
}

export const NO_READAHEAD: Readahead = { nextGfn: -1, pages: 1 };

/**
 * After a fault on `gfn`: what goes ahead of the next one, up to `nextGfn`. A fault on a page that is
 * ahead already, and only late, is one that follows.
 */
export function readahead(last: Readahead, gfn: number, pagesMax: number): Readahead {
  const ahead = gfn - last.nextGfn;
  const follows = last.nextGfn >= 0 && ahead >= -last.pages && ahead <= last.pages;
  const pages = follows ? Math.min(last.pages * 2, pagesMax) : 1;
  return { nextGfn: Math.max(gfn, follows ? last.nextGfn - 1 : 0) + pages, pages };
}

/** Pages `left` to `right` - 1 are done. */
export interface Bubble {
  readonly left: number;
  readonly right: number;
  /** Pages that a step down looks at: more and more, as long as it finds little. */
  readonly downPages: number;
  readonly goesUp: boolean;
}

export function bubbleAt(gfn: number): Bubble {
  return { left: gfn, right: gfn, downPages: 8, goesUp: true };
}

export interface Range {
  readonly fromGfn: number;
  readonly untilGfn: number;
}

/** Where the next pages are to be found; undefined when the bubble has all `pageCount` pages. */
export function nextRange(bubble: Bubble, pageCount: number): Range | undefined {
  const { left, right, goesUp, downPages } = bubble;
  if (left === 0 && right >= pageCount) return undefined;
  if ((goesUp && right < pageCount) || left === 0) return { fromGfn: right, untilGfn: pageCount };
  return { fromGfn: Math.max(0, left - downPages), untilGfn: left };
}

/**
 * As QEMU, which goes on behind the last fault to the end of memory, and then from its start: where the next
 * pages are to be found; undefined when it has been everywhere.
 */
export function nextUpwards({ left, right }: Bubble, pageCount: number): Range | undefined {
  if (right < pageCount) return { fromGfn: right, untilGfn: pageCount };
  return left > 0 ? { fromGfn: 0, untilGfn: left } : undefined;
}

/** The bubble after `range` gave pages up to `nextGfn`; `isFull`: as many as were asked for. */
export function grown(bubble: Bubble, range: Range, nextGfn: number, isFull: boolean): Bubble {
  if (range.fromGfn === bubble.right) return { ...bubble, right: nextGfn, goesUp: false };
  const left = nextGfn >= range.untilGfn ? range.fromGfn : bubble.left;
  const downPages = isFull ? bubble.downPages : bubble.downPages * 2;
  return { ...bubble, left, downPages, goesUp: true };
}
