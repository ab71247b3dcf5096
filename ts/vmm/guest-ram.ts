import { PAGE_BYTES, PAGE_SHIFT, RAM_BASE_PAGE } from "../../bindings/abi.ts";
import type { Core } from "../../bindings/core.ts";
import { WasmvisorError } from "../base/errors.ts";
import type { GuestMemory } from "../machine/guest-memory.ts";

/** First gpa of every guest's RAM. */
export const RAM_BASE = RAM_BASE_PAGE * PAGE_BYTES;

/** A guest's RAM: an address space of the core, reached a page at a time. */
export class GuestRam implements GuestMemory {
  readonly ramBase = RAM_BASE;
  readonly ramBytes: number;
  /** Address of the space in the core's memory. */
  readonly space: number;
  readonly #core: Core;

  /** `space` is one that the core made with `ramBytes / 4096` pages. */
  constructor(core: Core, space: number, ramBytes: number) {
    this.#core = core;
    this.space = space;
    this.ramBytes = ramBytes;
  }

  /** A fresh, empty address space. Throws `WV_NO_MEMORY`. */
  static create(core: Core, ramBytes: number): GuestRam {
    const space = core.exports.createSpace(ramBytes / PAGE_BYTES) >>> 0;
    if (space === 0)
      throw new WasmvisorError(
        "WV_NO_MEMORY",
        `no room for the page map of a guest with ${ramBytes} bytes; give the host more memory`,
      );
    return new GuestRam(core, space, ramBytes);
  }

  read(gpa: number, into: Uint8Array): boolean {
    const { exports, u8 } = this.#core;
    return this.#eachPage(gpa, into.length, (index, offset, at, bytes) => {
      const page = exports.peekPage(this.space, index) >>> 0;
      if (page === 0) into.fill(0, at, at + bytes);
      else into.set(u8.subarray(page + offset, page + offset + bytes), at);
    });
  }

  write(gpa: number, from: Uint8Array): boolean {
    const { exports, u8 } = this.#core;
    return this.#eachPage(gpa, from.length, (index, offset, at, bytes) => {
      const page = exports.pageForWrite(this.space, index) >>> 0;
      if (page === 0) throw new WasmvisorError("WV_NO_MEMORY", "the host has no free frame left");
      u8.set(
        at === 0 && bytes === from.length ? from : from.subarray(at, at + bytes),
        page + offset,
      );
    });
  }

  /** A 32-bit word, or 0 outside of RAM. */
  word(gpa: number): number {
    const bytes = new Uint8Array(4);
    return this.read(gpa, bytes) ? new DataView(bytes.buffer).getUint32(0, true) : 0;
  }

  #eachPage(
    gpa: number,
    length: number,
    visit: (index: number, offset: number, at: number, bytes: number) => void,
  ): boolean {
    const start = gpa - RAM_BASE;
    if (!(start >= 0 && start + length <= this.ramBytes)) return false;
    for (let at = 0; at < length; ) {
      const offset = (start + at) % PAGE_BYTES;
      const bytes = Math.min(PAGE_BYTES - offset, length - at);
      visit(Math.floor((start + at) / 2 ** PAGE_SHIFT), offset, at, bytes);
      at += bytes;
    }
    return true;
  }
}
