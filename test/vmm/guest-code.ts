/** Tiny programs for tests, one function an instruction, and a vm to run them in. */

import { compileCore } from "../../bindings/bytes.ts";
import { type Core, loadCore } from "../../bindings/core.ts";
import { RAM_BASE } from "../../ts/vmm/guest-ram.ts";
import { loneVm } from "../../ts/vmm/lone-vm.ts";
import type { Vm } from "../../ts/vmm/vm.ts";

export const ENTRY = RAM_BASE + 0x1000;
export const [ZERO, T0, T1, T2] = [0, 5, 6, 7] as const;

export const addi = (rd: number, rs1: number, imm: number): number =>
  ((imm & 0xfff) << 20) | (rs1 << 15) | (rd << 7) | 0x13;
export const lui = (rd: number, imm: number): number => (imm & 0xfffff000) | (rd << 7) | 0x37;
export const slli = (rd: number, rs1: number, by: number): number =>
  (by << 20) | (rs1 << 15) | (1 << 12) | (rd << 7) | 0x13;
export const ld = (rd: number, rs1: number, imm = 0): number =>
  ((imm & 0xfff) << 20) | (rs1 << 15) | (3 << 12) | (rd << 7) | 0x03;
export const store = (width: number, rs2: number, rs1: number, imm = 0): number =>
  (((imm >> 5) & 0x7f) << 25) |
  (rs2 << 20) |
  (rs1 << 15) |
  (width << 12) |
  ((imm & 31) << 7) |
  0x23;
export const sd = (rs2: number, rs1: number, imm = 0): number => store(3, rs2, rs1, imm);
export const sw = (rs2: number, rs1: number, imm = 0): number => store(2, rs2, rs1, imm);
/** Jump by `offset` bytes. */
export const j = (offset: number): number =>
  (((offset >> 20) & 1) << 31) |
  (((offset >> 1) & 0x3ff) << 21) |
  (((offset >> 11) & 1) << 20) |
  (((offset >> 12) & 0xff) << 12) |
  0x6f;
export const jr = (rs1: number): number => (rs1 << 15) | 0x67;
export const csrw = (csr: number, rs1: number): number =>
  (csr << 20) | (rs1 << 15) | (1 << 12) | 0x73;
export const csrr = (rd: number, csr: number): number => (csr << 20) | (2 << 12) | (rd << 7) | 0x73;
export const WFI = 0x10500073;
export const FENCE_I = 0x0000100f;
/** rd = RAM base + offset (a multiple of 4 KiB below 2 GiB): lui sign-extends, so build it from 1 << 31. */
export const ram = (rd: number, offset: number): number[] => [
  addi(rd, ZERO, 1),
  slli(rd, rd, 31),
  lui(T2, offset),
  (T2 << 20) | (rd << 15) | (rd << 7) | 0x33,
];

export async function core(memoryBytes = 64 << 20): Promise<Core> {
  return loadCore(await compileCore(), { wallTicks: () => 0 }, memoryBytes);
}

export interface MachineOptions {
  readonly core: Core;
  readonly isBare?: boolean;
  readonly vcpus?: number;
  readonly memoryBytes?: number;
}

/** A vm that runs `words` at {@link ENTRY}. */
export function machine(words: readonly number[], options: MachineOptions): Vm {
  const vm = loneVm(options.core, {
    memoryBytes: options.memoryBytes ?? 16 << 20,
    mips: 100,
    vcpus: options.vcpus ?? 1,
    isBare: options.isBare ?? false,
  });
  const bytes = new Uint8Array(Uint32Array.from(words).buffer);
  const writes = [{ gpa: ENTRY, bytes }];
  vm.boot({ writes, entry: ENTRY, deviceTreeGpa: 0, firmwareInfoGpa: 0, elf: undefined });
  return vm;
}
