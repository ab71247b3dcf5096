/** The embedding API: hosts, vms, consoles, forks, snapshots, errors. */
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Host } from "../../ts/host/host.ts";
import type { VirtualMachine } from "../../ts/host/virtual-machine.ts";
import { MemoryDisk } from "../../ts/storage/memory-disk.ts";
import { Overlay } from "../../ts/storage/overlay.ts";

const guest = (name: string): string => join(import.meta.dirname, "../../guests/bin", name);

let scratch = "";
let host: Host;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "wasmvisor-host-"));
});
afterAll(async () => rm(scratch, { recursive: true, force: true }));
beforeEach(async () => {
  host = await Host.create({ memory: "256MiB" });
});
afterEach(async () => host.close());

/** A running key-value store that has checked itself once. */
async function store(name = "kv", append = "report=20000"): Promise<VirtualMachine> {
  const vm = await host.createVm({ name, kernel: guest("kv.elf"), memory: "32MiB", append });
  await vm.start();
  await vm.console.expect(/kv ok/);
  return vm;
}

/** Root may write every file: until `end`, this process is nobody's. */
function withoutRoot(): { end: () => void } {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65534);
  return { end: () => isRoot && process.seteuid?.(0) };
}

const rejects = (promise: Promise<unknown>, code: string, message: RegExp): Promise<void> =>
  expect(promise).rejects.toMatchObject({ code, message: expect.stringMatching(message) });

describe("a vm", () => {
  test("is created, runs, prints, and powers off", async () => {
    const vm = await host.createVm({ kernel: guest("hello.elf"), memory: "32MiB", append: "a b" });
    expect(vm.status).toBe("created");
    expect(host.vms).toEqual([vm]);
    await vm.start();
    expect(await vm.wait()).toEqual({ type: "poweroff" });
    expect(vm.console.text).toContain("hello from hart 0, 32 MiB at 0x80000000");
    expect(vm.console.text).toContain('bootargs "a b"');
    expect(vm.status).toBe("ended");
  });

  test("stands still while it is paused, and goes on", async () => {
    const vm = await store();
    await vm.pause();
    const before = vm.info().metrics.instructions;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(vm.info().metrics.instructions).toBe(before);
    await vm.pause();
    await vm.resume();
    await vm.console.expect(/kv ok/);
    expect(vm.info().metrics.instructions).toBeGreaterThan(before);
  });

  test("gives its memory back", async () => {
    const before = host.freeBytes;
    const vm = await store();
    expect(host.freeBytes).toBeLessThan(before - (8 << 20));
    await vm.destroy();
    await vm.destroy();
    expect(host.freeBytes).toBe(before);
    expect(host.vms).toEqual([]);
    expect(vm.status).toBe("gone");
  });

  test("says what it cannot do in its state", async () => {
    const vm = await host.createVm({ name: "a", kernel: guest("kv.elf"), memory: "32MiB" });
    await rejects(vm.pause(), "WV_STATE", /a: cannot pause while it is created/);
    await rejects(vm.fork(), "WV_STATE", /cannot fork while it is created/);
    await vm.start();
    await rejects(vm.start(), "WV_STATE", /cannot start while it is running/);
    await vm.destroy();
    await rejects(vm.resume(), "WV_STATE", /cannot resume while it is gone/);
    await rejects(vm.wait(), "WV_STATE", /not on this host/);
  });
});

describe("a console", () => {
  test("that stays silent times out with its last words", async () => {
    const vm = await store();
    await vm.pause();
    const waiting = vm.console.expect(/never/, { timeoutMs: 30 });
    await rejects(waiting, "WV_TIMEOUT", /\/never\/ did not come within 30 ms.*kv ok/);
  });

  test("rejects when the guest ends first, or by a signal", async () => {
    const vm = await host.createVm({ kernel: guest("hello.elf"), memory: "32MiB" });
    const abort = new AbortController();
    const aborted = rejects(
      vm.console.expect(/x/, { signal: abort.signal }),
      "WV_ABORTED",
      /abort/,
    );
    abort.abort();
    await aborted;
    const ended = rejects(vm.console.expect(/never/), "WV_GUEST", /ended \(poweroff\)/);
    await vm.start();
    await ended;
  });

  test("comes in events, whole and in order", async () => {
    const vm = await host.createVm({ kernel: guest("hello.elf"), memory: "32MiB" });
    const chunks: Uint8Array[] = [];
    vm.console.events.on("output", ({ bytes }) => chunks.push(bytes));
    await vm.start();
    await vm.wait();
    expect(Buffer.concat(chunks).toString()).toBe(vm.console.text);
    expect(chunks.length).toBeLessThan(10);
  });
});

describe("a fork", () => {
  test("goes on from where its parent is, apart from it", async () => {
    const parent = await store();
    const used = host.freeBytes;
    const child = await parent.fork({ name: "child" });
    expect(used - host.freeBytes).toBeLessThan(4 << 20);
    expect([parent.status, child.status]).toEqual(["running", "running"]);
    await child.console.expect(/kv ok/);
    await parent.console.expect(/kv ok/);
    await parent.destroy();
    await child.console.expect(/kv ok/);
    expect(child.console.text).not.toContain("CORRUPT");
  });

  test("of a fork of a fork is still sound", async () => {
    const vms = [await store()];
    for (let i = 0; i < 4; i++) vms.push(await (vms.at(-1) as VirtualMachine).fork());
    for (const vm of vms) await vm.console.expect(/kv ok/);
    expect(new Set(vms.map((vm) => vm.name)).size).toBe(5);
  });

  test("shares no writable disk, unless it is an overlay", async () => {
    const disks = [new MemoryDisk({ content: 1 << 20 })];
    const options = { kernel: guest("kv.elf"), memory: "32MiB" } as const;
    const plain = await host.createVm({ ...options, disks });
    await plain.start();
    await rejects(plain.fork(), "WV_STATE", /disk 0 is writable and not an overlay/);
    const layered = await host.createVm({
      ...options,
      disks: [new Overlay(new MemoryDisk({ content: 1 << 20 }))],
    });
    await layered.start();
    expect((await layered.fork()).status).toBe("running");
  });
});

describe("a snapshot", () => {
  let good = "";
  beforeAll(async () => {
    good = join(scratch, "good.wvs");
    const first = await Host.create({ memory: "64MiB" });
    const vm = await first.createVm({
      name: "kv",
      kernel: guest("kv.elf"),
      memory: "32MiB",
      append: "report=20000 keys=16384",
    });
    await vm.start();
    await vm.console.expect(/kv ok 20000 /);
    await vm.pause();
    await vm.snapshot(good);
    await first.close();
  });

  test("goes on in another host, as often as one likes", async () => {
    for (const name of ["one", "two"]) {
      const vm = await host.restore(good, { name });
      expect([vm.name, vm.status]).toEqual([name, "paused"]);
      await vm.resume();
      await vm.console.expect(/kv ok (40000|60000|80000) /);
      expect(vm.console.text).not.toContain("CORRUPT");
    }
  });

  test("leaves the vm as it was", async () => {
    const vm = await store();
    const before = host.freeBytes;
    await vm.pause();
    await vm.snapshot(join(scratch, "mine.wvs"));
    expect(host.freeBytes).toBe(before);
    expect(vm.status).toBe("paused");
    await vm.resume();
    await vm.console.expect(/kv ok/);
  });

  /** Whatever is wrong with it: an error, no vm, no memory lost. */
  async function refuses(bytes: Uint8Array, message: RegExp = /./): Promise<void> {
    const path = join(scratch, "bad.wvs");
    await writeFile(path, bytes);
    const before = host.freeBytes;
    const error = await host.restore(path, { pages: "at-once" }).catch((reason) => reason);
    expect([error.code, error.message]).toEqual([
      "WV_BAD_SNAPSHOT",
      expect.stringMatching(message),
    ]);
    expect(host.freeBytes).toBe(before);
    expect(host.vms.length).toBe(0);
  }

  test("that is cut anywhere is refused", async () => {
    const bytes = await readFile(good);
    for (const length of [0, 7, 16, 100, 5000, bytes.length >> 1, bytes.length - 1])
      await refuses(bytes.subarray(0, length));
  });

  test("with a flipped bit anywhere is refused", async () => {
    const bytes = await readFile(good);
    for (let i = 0; i < 40; i++) {
      const at = Math.floor(((i + 0.5) / 40) * bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (i % 8));
      await refuses(bytes);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (i % 8));
    }
    for (let i = 0; i < 128; i++) {
      const at = i < 64 ? i : bytes.length - 128 + i;
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      await refuses(bytes);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
    }
  });

  test.each([1, 99])("of version %i is refused as such", async (version) => {
    const bytes = await readFile(good);
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(4, version, true);
    await refuses(bytes, new RegExp(`version ${version}; this release reads version 2`));
  });

  test("cannot go where its memory does not fit", async () => {
    const small = await Host.create({ memory: "1MiB" });
    const eager = small.restore(good, { pages: "at-once" });
    await rejects(eager, "WV_NO_MEMORY", /memory|room|frame/);
    expect(small.vms).toEqual([]);
    const lazy = await small.restore(good);
    await lazy.resume();
    expect(await lazy.wait()).toMatchObject({ type: "crash", fault: { reason: "no-memory" } });
    await lazy.destroy();
    await small.close();
  });
});

describe("options that make no sense", () => {
  const kernel = guest("hello.elf");
  test.each([
    [{}, "WV_CONFIG", /exactly one of image, kernel and bare/],
    [{ kernel: "/no/such" }, "WV_CONFIG", /kernel: cannot read "\/no\/such"/],
    [{ kernel, memory: "1GB" }, "WV_CONFIG", /memory: expected a size/],
    [{ kernel, memory: 5000 }, "WV_CONFIG", /multiple of 4 KiB/],
    [{ kernel, vcpus: 0 }, "WV_CONFIG", /vcpus: expected 1 to 8/],
    [{ kernel, name: "../x" }, "WV_CONFIG", /name: expected/],
    [{ kernel, mips: 7 }, "WV_CONFIG", /mips: expected a multiple of 10/],
    [{ kernel, disks: [{ path: "/no/such" }] }, "WV_DISK", /no such file/],
    [{ kernel: new Uint8Array(100) }, "WV_BAD_IMAGE", /./],
    [{ bare: Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0) }, "WV_BAD_ELF", /./],
  ])("%j", async (options, code, message) => {
    const before = host.freeBytes;
    await rejects(host.createVm(options), code, message);
    expect(host.freeBytes).toBe(before);
    expect(host.vms).toEqual([]);
  });

  test("a command line that makes the device tree larger than memory", async () => {
    const options = { kernel, memory: "4MiB", append: "x".repeat(5 << 20) };
    await rejects(host.createVm(options), "WV_BAD_IMAGE", /device tree of/);
    expect(host.vms).toEqual([]);
  });

  test("a name that is taken", async () => {
    await host.createVm({ name: "a", kernel, memory: "32MiB" });
    await rejects(host.createVm({ name: "a", kernel }), "WV_CONFIG", /"a" exists already/);
    expect(() => host.vm("b")).toThrow(/no vm is called "b"/);
  });

  test("a disk that may not be written", async () => {
    const path = join(scratch, "readonly.img");
    await writeFile(path, new Uint8Array(4096));
    await chmod(scratch, 0o755);
    await chmod(path, 0o444);
    const bytes = await readFile(kernel);
    const asNobody = withoutRoot();
    try {
      const refused = host.createVm({ kernel: bytes, disks: [{ path }] });
      await rejects(refused, "WV_DISK", /chmod u\+w/);
      await host.createVm({ kernel: bytes, memory: "32MiB", disks: [{ path, readOnly: true }] });
      await host.createVm({ kernel: bytes, memory: "32MiB", disks: [{ path, overlay: true }] });
    } finally {
      asNobody.end();
    }
  });

  test("a disk that is no image", async () => {
    const path = join(scratch, "odd.img");
    await writeFile(path, new Uint8Array(1000));
    const odd = host.createVm({ kernel, disks: [{ path }] });
    await rejects(odd, "WV_DISK", /multiple of 512/);
  });

  test("a core that is none, or of another make", async () => {
    await rejects(Host.create({ core: Uint8Array.of(1, 2, 3) }), "WV_CORE_LOAD", /compile/);
    const empty = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);
    await rejects(Host.create({ core: empty }), "WV_CORE_LOAD", /instantiate/);
  });

  test("a host of more memory than there is", async () => {
    await rejects(Host.create({ memory: "8GiB" }), "WV_CONFIG", /1MiB to 3.75GiB/);
    await rejects(Host.create({ codeCache: "2GiB" }), "WV_CONFIG", /codeCache: expected 1MiB to/);
    await rejects(Host.create({ codeCache: 0 }), "WV_CONFIG", /codeCache: expected 1MiB to/);
  });
});

test("a host without memory left says so, and its vms go on", async () => {
  const small = await Host.create({ memory: "24MiB" });
  const options = { kernel: guest("kv.elf"), memory: "16MiB", append: "report=20000 keys=4096" };
  const vm = await small.createVm(options);
  await vm.start();
  await vm.console.expect(/kv ok/);
  let greedy: VirtualMachine | undefined;
  const made = small
    .createVm({ kernel: guest("dirtier.elf"), memory: "64MiB", append: "fill=32MiB ws=1MiB" })
    .then((one) => {
      greedy = one;
      return one.start();
    });
  await made;
  const end = await (greedy as unknown as VirtualMachine).wait();
  expect(end).toMatchObject({ type: "crash", fault: { reason: "no-memory" } });
  await vm.console.expect(/kv ok/);
  await small.close();
});

test("five hundred tiny guests live at once, each with a few pages of its own", async () => {
  const kernel = new Uint8Array(await readFile(guest("hello.elf")));
  const free = host.freeBytes;
  const vms: VirtualMachine[] = [];
  for (let i = 0; i < 500; i++)
    vms.push(await host.createVm({ kernel, memory: "8MiB", append: `n=${i}` }));
  expect((free - host.freeBytes) / vms.length).toBeLessThanOrEqual(32 << 10);
  for (const vm of vms) await vm.start();
  for (const [i, vm] of vms.entries()) {
    expect(await vm.wait()).toEqual({ type: "poweroff" });
    expect(vm.console.text).toContain(`bootargs "n=${i}"`);
  }
  expect((await host.sharePages()).savedBytes).toBeGreaterThan(500 * 4096);
});
