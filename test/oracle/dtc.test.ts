/** Debian's device tree compiler reads our device tree without an error. */
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { buildDeviceTree } from "../../ts/vmm/device-tree.ts";

const hasDtc = spawnSync("dtc", ["--version"]).status === 0;

test.skipIf(!hasDtc).each(["vmm", "bare"] as const)(
  "dtc (skipped unless installed: apt install device-tree-compiler) decompiles the %s tree",
  (firmware) => {
    const blob = buildDeviceTree({
      ramBytes: 1 << 30,
      hartCount: 8,
      rngSeed: new Uint8Array(32).fill(7),
      bootArgs: "console=ttyS0 root=/dev/vda",
      initrd: { start: 0x9000_0000, end: 0x9100_0000 },
      virtioSlots: [0, 1, 2, 3, 4, 5, 6, 7],
      firmware,
    });
    const { status, stdout, stderr } = spawnSync("dtc", ["-I", "dtb", "-O", "dts"], {
      input: blob,
    });
    expect({ status, complaints: stderr.toString() }).toEqual({ status: 0, complaints: "" });
    const source = stdout.toString();
    expect(source).toContain('bootargs = "console=ttyS0 root=/dev/vda";');
    expect(source.match(/compatible = "virtio,mmio";/g)?.length).toBe(8);
    expect(source.includes("clint@2000000")).toBe(firmware === "bare");
    const again = spawnSync("dtc", ["-I", "dts", "-O", "dtb"], { input: source });
    expect(again.status).toBe(0);
  },
);
