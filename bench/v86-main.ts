/**
 * node v86-main.js V86 SYSTEM INITRD MEMORY_MIB PARAMETERS: boots an i386 Linux in v86 with its
 * serial console on stdout, until it is killed. A process of its own, as every machine has.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

interface Emulator {
  add_listener(event: "serial0-output-byte", listener: (byte: number) => void): void;
}

const [, , v86 = "", system = "", initrd = "", memoryMiB = "", parameters = ""] = process.argv;

const file = (path: string): { buffer: ArrayBuffer } => ({
  buffer: new Uint8Array(readFileSync(path)).buffer,
});

const { V86 } = (await import(pathToFileURL(join(v86, "build/libv86.mjs")).href)) as {
  V86: new (options: object) => Emulator;
};

const emulator = new V86({
  wasm_path: join(v86, "build/v86.wasm"),
  bios: file(join(system, "bios.bin")),
  vga_bios: file(join(system, "vgabios.bin")),
  bzimage: file(join(system, "vmlinuz")),
  initrd: file(initrd),
  cmdline: `console=ttyS0 quiet cryptomgr.notests init_on_alloc=0 -- ${parameters}`,
  memory_size: Number(memoryMiB) * 2 ** 20,
  autostart: true,
  disable_keyboard: true,
  disable_mouse: true,
  disable_speaker: true,
});

let line = "";
emulator.add_listener("serial0-output-byte", (byte) => {
  line += String.fromCharCode(byte);
  if (byte !== 10) return;
  process.stdout.write(line);
  line = "";
});
