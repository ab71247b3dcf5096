/**
 * The `ar` archive, outermost layer of a Debian package. Debian writes the plain common format:
 *
 *   "!<arch>\n"  then per member: name 16 | mtime 12 | uid 6 | gid 6 | mode 8 | size 10 | "`\n"
 *                followed by `size` bytes and a newline when `size` is odd   (deb(5), ar(5))
 */
import { WasmvisorError } from "../base/errors.ts";

const MAGIC = "!<arch>\n";
const HEADER_BYTES = 60;
const SIZE_OFFSET = 48;
const SIZE_BYTES = 10;
const TERMINATOR_OFFSET = 58;
/** A Debian package has three members; anything far beyond that is not one. */
const MEMBER_COUNT_MAX = 64;

/** One member; `bytes` is a view into the archive, not a copy. */
export interface ArMember {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * All members of an archive, in file order.
 *
 * Throws `WV_BAD_IMAGE` naming the offset when the magic is wrong, a header is damaged, a member
 * reaches past the end, or there are more members than a package can have.
 */
export function readAr(archive: Uint8Array): ArMember[] {
  if (latin1(archive, 0, MAGIC.length) !== MAGIC) {
    throw new WasmvisorError("WV_BAD_IMAGE", 'ar: not an archive: expected "!<arch>" at offset 0');
  }
  const members: ArMember[] = [];
  let offset = MAGIC.length;
  while (offset < archive.length) {
    if (members.length === MEMBER_COUNT_MAX) throw bad(offset, "more members than a package has");
    const member = readMember(archive, offset);
    members.push(member);
    offset += HEADER_BYTES + member.bytes.length + (member.bytes.length & 1);
  }
  return members;
}

function readMember(archive: Uint8Array, offset: number): ArMember {
  const start = offset + HEADER_BYTES;
  if (start > archive.length) throw bad(offset, "the header is cut");
  const header = latin1(archive, offset, HEADER_BYTES);
  if (header.slice(TERMINATOR_OFFSET) !== "`\n") throw bad(offset, "the header has no terminator");
  const digits = header.slice(SIZE_OFFSET, SIZE_OFFSET + SIZE_BYTES).trimEnd();
  if (!/^\d{1,10}$/.test(digits)) throw bad(offset, `the size is not a number: "${digits}"`);
  const bytes = Number(digits);
  if (bytes > archive.length - start) {
    throw bad(offset, `the member has ${bytes} bytes, the archive only ${archive.length - start}`);
  }
  const name = header.slice(0, 16).trimEnd().replace(/\/$/, "");
  return { name, bytes: archive.subarray(start, start + bytes) };
}

function latin1(bytes: Uint8Array, offset: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(offset, offset + length));
}

function bad(offset: number, why: string): WasmvisorError {
  return new WasmvisorError("WV_BAD_IMAGE", `ar: member at offset ${offset}: ${why}`);
}
