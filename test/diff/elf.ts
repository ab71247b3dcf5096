/** The smallest ELF64 that QEMU and our loader accept: a header and PT_LOAD segments. */
export interface Segment {
  readonly address: number;
  readonly bytes: Uint8Array;
}

const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const MACHINE_RISCV = 243;
/** RVC and the double-float ABI. */
const FLAGS = 5;

export function writeElf(entry: number, segments: readonly Segment[]): Uint8Array {
  const headers = HEADER_BYTES + PROGRAM_HEADER_BYTES * segments.length;
  const total = segments.reduce((sum, { bytes }) => sum + bytes.length, headers);
  const file = new Uint8Array(total);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true); // ET_EXEC
  view.setUint16(18, MACHINE_RISCV, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt(entry), true);
  view.setBigUint64(32, BigInt(HEADER_BYTES), true);
  view.setUint32(48, FLAGS, true);
  view.setUint16(52, HEADER_BYTES, true);
  view.setUint16(54, PROGRAM_HEADER_BYTES, true);
  view.setUint16(56, segments.length, true);
  view.setUint16(58, 64, true);
  let offset = headers;
  segments.forEach(({ address, bytes }, n) => {
    const at = HEADER_BYTES + PROGRAM_HEADER_BYTES * n;
    view.setUint32(at, 1, true); // PT_LOAD
    view.setUint32(at + 4, 7, true); // R W X
    view.setBigUint64(at + 8, BigInt(offset), true);
    view.setBigUint64(at + 16, BigInt(address), true);
    view.setBigUint64(at + 24, BigInt(address), true);
    view.setBigUint64(at + 32, BigInt(bytes.length), true);
    view.setBigUint64(at + 40, BigInt(bytes.length), true);
    view.setBigUint64(at + 48, 1n, true);
    file.set(bytes, offset);
    offset += bytes.length;
  });
  return file;
}
