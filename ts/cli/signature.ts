/** The signature of a conformance test: the words that it leaves between two symbols. */
import { writeFileSync } from "node:fs";
import { WasmvisorError } from "../base/errors.ts";
import type { VirtualMachine } from "../host/virtual-machine.ts";
import { parseElf } from "../vmm/elf.ts";

/** Guest physical addresses. */
export interface SignatureRange {
  readonly begin: number;
  readonly end: number;
}

/** Where the signature of an ELF file lies. Throws `WV_CONFIG` if it has none. */
export function signatureRange(elf: Uint8Array, name: string): SignatureRange {
  const { symbols } = parseElf(elf);
  const begin = symbols.get("begin_signature");
  const end = symbols.get("end_signature");
  if (begin === undefined || end === undefined || end < begin || (end - begin) % 4 !== 0)
    throw new WasmvisorError(
      "WV_CONFIG",
      `--signature: "${name}" has no words between the symbols begin_signature and end_signature`,
    );
  return { begin, end };
}

/** One 32-bit word in hex a line. */
export function writeSignature(vm: VirtualMachine, range: SignatureRange, file: string): void {
  const bytes = new Uint8Array(range.end - range.begin);
  if (!vm.machine.ram.read(range.begin, bytes))
    throw new WasmvisorError("WV_CONFIG", "--signature: it lies outside of the guest's RAM");
  const view = new DataView(bytes.buffer);
  let text = "";
  for (let at = 0; at < bytes.length; at += 4)
    text += `${view.getUint32(at, true).toString(16).padStart(8, "0")}\n`;
  try {
    writeFileSync(file, text);
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code;
    throw new WasmvisorError("WV_CONFIG", `--signature: cannot write "${file}" (${why})`, {
      cause,
    });
  }
}
