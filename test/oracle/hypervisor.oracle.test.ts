/**
 * The H extension and M-mode under other people's code: Debian's kernel runs a virtual machine of its KVM,
 * and Debian's OpenSBI starts that kernel on the bare machine.
 */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { Host } from "../../ts/host/host.ts";
import { pullDebian } from "../../ts/image/debian.ts";

const hasApt = spawnSync("apt-get", ["--version"]).status === 0;
const OPENSBI = "/usr/lib/riscv64-linux-gnu/opensbi/generic";
const WAIT_MS = 90_000;

describe.skipIf(!hasApt)("Debian (skipped unless apt is installed)", () => {
  beforeAll(async () => {
    await pullDebian();
  }, 600_000);

  /** What the console says until the guest has powered off. */
  async function consoleOf(options: object): Promise<string> {
    await using host = await Host.create({ memory: "512MiB" });
    const vm = await host.createVm({ image: "debian", memory: "256MiB", ...options });
    let text = "";
    const decoder = new TextDecoder();
    vm.console.events.on("output", ({ bytes }) => {
      text += decoder.decode(bytes, { stream: true });
    });
    await vm.start();
    expect(await vm.wait()).toEqual({ type: "poweroff" });
    return text;
  }

  const KVM = "wv.modules=kvm wv.exec=kvm%20pages=200";

  test("kvm.ko finds H, and a virtual machine inside the virtual machine runs to its end", {
    timeout: WAIT_MS,
  }, async () => {
    const text = await consoleOf({ append: KVM });
    expect(text).toMatch(/kvm .*: using Sv57x4 G-stage page table format/);
    expect(text).toMatch(/kvm .*: VMID 14 bits available/);
    expect(text).toMatch(/the guest ended with event 1 after 7 steps and \d+ exits/);
    expect(text).toContain("wasmvisor: exit status 0");
  });

  describe.skipIf(!existsSync(`${OPENSBI}/fw_jump.elf`))(
    "under OpenSBI (skipped unless installed: apt install opensbi)",
    () => {
      test.each([
        ["fw_jump.elf", 1],
        ["fw_dynamic.bin", 2],
      ])("%s starts it with %i vCPUs, and KVM works", { timeout: WAIT_MS }, async (file, vcpus) => {
        const bare = `${OPENSBI}/${file}`;
        const text = await consoleOf({ bare, vcpus, append: KVM });
        expect(text).toMatch(/OpenSBI v\d/);
        expect(text).toContain("wasmvisor: init reached");
        expect(text).toMatch(/the guest ended with event 1 after 7 steps/);
      });
    },
  );
});
