/**
 * CTZW on its own: the one instruction for which QEMU 7.2 is no judge, since it looks at the upper half
 * when the lower one is 0 (see `test/diff/qemu-exceptions.ts`).
 */
import { expect, test } from "vitest";
import { RAM_BASE } from "../../ts/vmm/guest-ram.ts";
import type { Vcpu } from "../../ts/vmm/vcpu.ts";
import { addi, core, ld, machine, ram, sd, T0, T1 } from "./guest-code.ts";

const DATA = 0x10_0000;
const CTZW = (0x601 << 20) | (T1 << 15) | (1 << 12) | (T1 << 7) | 0x1b;

/** What the manual says: zeros below the lowest one of bits 31..0, 32 if there is none. */
function expected(value: bigint): number {
  for (let bit = 0; bit < 32; bit++) if ((value >> BigInt(bit)) & 1n) return bit;
  return 32;
}

test("ctzw counts in the lower half alone", async () => {
  const powers = Array.from({ length: 64 }, (_, bit) => 1n << BigInt(bit));
  const values = [
    0n,
    ...powers,
    ...powers.map((power) => power | (0xdeadbeefn << 32n)),
    2n ** 64n - 1n,
  ];
  const words = [...ram(T0, DATA)];
  for (const _ of values) words.push(ld(T1, T0), CTZW, sd(T1, T0), addi(T0, T0, 8));
  const vm = machine(words, { core: await core(), memoryBytes: 16 << 20 });
  vm.ram.write(RAM_BASE + DATA, new Uint8Array(BigUint64Array.from(values).buffer));
  vm.run(words.length);
  expect((vm.vcpus[0] as Vcpu).x(T0).lo - RAM_BASE - DATA).toBe(8 * values.length);
  const results = new Uint8Array(8 * values.length);
  vm.ram.read(RAM_BASE + DATA, results);
  expect([...new BigUint64Array(results.buffer)].map(Number)).toEqual(values.map(expected));
});
