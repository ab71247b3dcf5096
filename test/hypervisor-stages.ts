/** Page tables of both stages for the trials of the H extension, and the CSRs that they go by. */
import { ALL, DATA, RAM, ROOT_G, ROOT_S, type Trials, U, V } from "./hypervisor-machine.ts";

export const MENVCFG = 0x30a;
export const HENVCFG = 0x60a;
export const HSTATUS = 0x600;
export const HGATP = 0x680;
export const VSATP = 0x280;
export const SATP = 0x180;
export const ADUE = 1n << 61n;
export const PBMTE = 1n << 62n;
export const STCE = 1n << 63n;
export const SV39 = 8n << 60n;
export const MXR = 1n << 19n;
/** Gigapage of RAM in a root table, and a middle table of its own for pages. */
export const AT_RAM = 2;
export const MIDDLE_S = ROOT_S + 0x1000;
export const LAST_S = ROOT_S + 0x2000;
export const MIDDLE_G = ROOT_G + 0x4000;
export const LAST_G = ROOT_G + 0x5000;
export const TEST_VA = RAM + 0x20_0000;

export const satp = (root: number): bigint => SV39 | BigInt(root / 4096);
export const read = (csr: number) => ["csrrs", 10, csr, 0] as const;

/** Identity mapping of RAM by 2 MiB leaves, but for the second, which has pages: `flags` of its first. */
function stage(t: Trials, tables: readonly number[], leaf: number, flags: number | bigint): void {
  const [root = 0, middle = 0, last = 0] = tables;
  t.pte(root, AT_RAM, middle, V);
  for (let n = 0; n < 8; n += 1) if (n !== 1) t.pte(middle, n, RAM + n * 0x20_0000, leaf);
  t.pte(middle, 1, last, V);
  t.pte(last, 0, DATA, flags);
}
export const first = (t: Trials, flags: number | bigint) =>
  stage(t, [ROOT_S, MIDDLE_S, LAST_S], ALL, flags);
export const second = (t: Trials, flags: number | bigint, leaf = ALL | U) =>
  stage(t, [ROOT_G, MIDDLE_G, LAST_G], leaf, flags);
