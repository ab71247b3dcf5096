/** Makes a kernel of 4 KiB with a RISC-V Image header. */
export function makeImage(header: {
  imageBytes: number;
  textOffset?: number;
  flags?: number;
}): Uint8Array {
  const bytes = new Uint8Array(4096).fill(0xcc, 64);
  const view = new DataView(bytes.buffer);
  view.setUint32(8, header.textOffset ?? 0x20_0000, true);
  view.setUint32(16, header.imageBytes, true);
  view.setUint32(24, header.flags ?? 0, true);
  view.setUint32(48, 0x43534952, true);
  view.setUint32(52, 0x56, true);
  view.setUint32(56, 0x05435352, true);
  return bytes;
}
