/**
 * The header of a RISC-V Linux `Image` (Documentation/arch/riscv/boot-image-header.rst), which an
 * EFI-capable kernel shares with a PE header:
 *
 *   8 text_offset u64   16 image_size u64   24 flags u64   32 version u32   48 "RISCV\0\0\0"   56 "RSC\x05"
 */
import { WasmvisorError } from "../base/errors.ts";

const HEADER_BYTES = 64;
const MAGIC = 0x05435352;
const FLAG_BIG_ENDIAN = 1;
const ALIGNMENT = 0x20_0000;

export interface LinuxImage {
  /** Where it wants to be, from the start of RAM on; a multiple of 2 MiB. */
  readonly textOffset: number;
  /** Bytes it needs there, those it clears itself included. */
  readonly imageBytes: number;
}

/** True if the bytes say that they are a RISC-V `Image`. */
export function isLinuxImage(bytes: Uint8Array): boolean {
  return bytes.length >= HEADER_BYTES && viewOf(bytes).getUint32(56, true) === MAGIC;
}

/** Reads the header. Throws `WV_BAD_IMAGE` if this is no kernel for this machine. */
export function parseLinuxImage(bytes: Uint8Array): LinuxImage {
  if (!isLinuxImage(bytes)) throw bad(whatElse(bytes));
  const view = viewOf(bytes);
  if (view.getUint32(24, true) & FLAG_BIG_ENDIAN) throw bad("it is for big-endian harts");
  const textOffset = u64(view, 8);
  const imageBytes = u64(view, 16);
  if (textOffset % ALIGNMENT !== 0)
    throw bad(`text_offset expected a multiple of 2 MiB, got 0x${textOffset.toString(16)}`);
  return {
    textOffset: textOffset || ALIGNMENT,
    imageBytes: Math.max(imageBytes, bytes.length),
  };
}

function whatElse(bytes: Uint8Array): string {
  if (bytes.length < HEADER_BYTES) return `cut off: ${bytes.length} bytes`;
  const view = viewOf(bytes);
  if (view.getUint16(0) === 0x1f8b) return "it is compressed; unpack it with gunzip first";
  if (view.getUint32(4) === 0x7a696d67) return "it is an EFI zboot image; extract the Image first";
  if (view.getUint16(0) === 0x4d5a) return "it is an EFI program, but not a RISC-V kernel";
  return "no RISC-V Image header at byte 56; use an uncompressed Image or an ELF file";
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function u64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true);
}

function bad(what: string): WasmvisorError {
  return new WasmvisorError("WV_BAD_IMAGE", `kernel: ${what}`);
}
