/**
 * The parts of `image pull` that need no network: archives, modules, the store. Bad input ends in
 * the promised error code, for hand-made damage and for random bytes (`--seed` as printed below).
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { WasmvisorError } from "../ts/base/errors.ts";
import { readApplets } from "../ts/image/applets.ts";
import { readAr } from "../ts/image/ar.ts";
import { type CpioEntry, writeCpio } from "../ts/image/cpio.ts";
import { DEFAULT_DEB_LIMITS, readDeb, unxz } from "../ts/image/deb.ts";
import { type PullOptions, pullDebian } from "../ts/image/debian.ts";
import { readElfObject } from "../ts/image/elf-object.ts";
import { DEFAULT_MODULES, INIT_LINE, INIT_SCRIPT } from "../ts/image/init-script.ts";
import { buildInitramfs } from "../ts/image/initramfs.ts";
import { insertionOrder, readModuleInfo } from "../ts/image/module-info.ts";
import {
  listImages,
  removeImage,
  resolveImage,
  storeImage,
  sweepLeftovers,
} from "../ts/image/store.ts";
import { stripModule, stripSignature } from "../ts/image/strip-module.ts";
import { MODINFO, makeModule, sign } from "./image-fixture.ts";

const { WASMVISOR_SEED } = process.env;
const seed = Number(WASMVISOR_SEED ?? 20261124);
console.log(`image: --seed ${seed} (WASMVISOR_SEED)`);
fc.configureGlobal({ seed, numRuns: 300 });

/** Whatever `run` does, it returns or throws one of ours with `code`. */
function onlyFailsWith(codes: readonly string[], run: () => unknown): void {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(WasmvisorError);
    expect(codes).toContain((error as WasmvisorError).code);
  }
}

function makeAr(members: readonly (readonly [name: string, bytes: Uint8Array])[]): Buffer {
  const chunks: Uint8Array[] = [Buffer.from("!<arch>\n")];
  for (const [name, bytes] of members) {
    const fields = [name.padEnd(16), "0".padEnd(12), "0".padEnd(6), "0".padEnd(6), "100644  "];
    chunks.push(Buffer.from(`${fields.join("")}${String(bytes.length).padEnd(10)}\`\n`), bytes);
    if (bytes.length & 1) chunks.push(Buffer.from("\n"));
  }
  return Buffer.concat(chunks);
}

/** An independent reader, so that the writer is not compared with itself. */
function readCpio(
  archive: Uint8Array,
): { path: string; mode: number; data: string; ino: number }[] {
  const bytes = Buffer.from(archive);
  const entries = [];
  for (let at = 0; ; ) {
    expect(bytes.toString("latin1", at, at + 6)).toBe("070701");
    const field = (index: number): number =>
      Number.parseInt(bytes.toString("latin1", at + 6 + index * 8, at + 14 + index * 8), 16);
    const [mode, dataBytes, nameBytes, ino] = [field(1), field(6), field(11), field(0)];
    const path = bytes.toString("utf8", at + 110, at + 110 + nameBytes - 1);
    const dataAt = (at + 110 + nameBytes + 3) & ~3;
    if (path === "TRAILER!!!") return entries;
    entries.push({ path, mode, data: bytes.toString("utf8", dataAt, dataAt + dataBytes), ino });
    at = (dataAt + dataBytes + 3) & ~3;
  }
}

const GOOD_TAR_XZ = Buffer.from(
  "/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4Cf/AJ5dABcLvBx9AZXAHUo+eRW/ePpNnj3OTOpzG7tHTo59BovV/78mhDiF" +
    "dYNGgSya7qtwKsIbT7vvpB2tA/4V3suMzQMrSfrP0yvdh1kTK1KndPz8R/LZWZtMDVh/NFzrWzonRrTXOj/q9cb5k7qG" +
    "GeLpJCVyqXHcQPm35qmQv0NpXFpvNelmSzxR6FE3hMyRtv4CQCtCpDPCU65QeMja629AAAAA5HOGlVp8QJoAAboBgFAA" +
    "APVVgcSxxGf7AgAAAAAEWVo=",
  "base64",
);
/** Holds one file, `../../usr/bin/busybox`. */
const EVIL_TAR_XZ = Buffer.from(
  "/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4Cf/AHBdABdguhCPJ4nVzdoRgnqwJIJdXaoQ+EtODqXmr4srWg8KiRB+/UDv" +
    "brsiLUj6JgIdnLf0j+vsPntH8Ng36LenY/IdVMz+9IZGuMrBCHJTzY/fVpfpBy0apg0gMe1X/fvxXE+bP9WiVZowTOp7" +
    "ClhGlwAAp1OKZxRJX08AAYwBgFAAAEWxohaxxGf7AgAAAAAEWVo=",
  "base64",
);
const HELLO_XZ = Buffer.from(
  "/Td6WFoAAAFpIt42AgAhARwAAAAQz1jMAQAJaGVsbG8sIHh6CgAAAELqWs4AAR4K6mMSFJBCmQ0BAAAAAAFZWg==",
  "base64",
);
const makeDeb = (data: Uint8Array, name = "data.tar.xz"): Buffer =>
  makeAr([
    ["debian-binary", Buffer.from("2.0\n")],
    ["control.tar.xz", HELLO_XZ],
    [name, data],
  ]);

describe("ar", () => {
  test("members come back in order, odd sizes padded", () => {
    const archive = makeAr([
      ["one", Buffer.from("a")],
      ["two/", Buffer.from("bc")],
      ["three", Buffer.alloc(0)],
    ]);
    const members = readAr(archive).map(({ name, bytes }) => [name, Buffer.from(bytes).toString()]);
    expect(members).toEqual([
      ["one", "a"],
      ["two", "bc"],
      ["three", ""],
    ]);
  });

  const whole = makeAr([["one", Buffer.from("abcd")]]);
  const patched = (at: number, text: string): Buffer => {
    const copy = Buffer.from(whole);
    copy.write(text, at, "latin1");
    return copy;
  };
  test.each([
    ["empty", Buffer.alloc(0)],
    ["wrong magic", patched(0, "!<arch>x")],
    ["cut header", whole.subarray(0, 30)],
    ["cut member", whole.subarray(0, whole.length - 1)],
    ["oversized member", patched(56, "9999999999")],
    ["negative size", patched(56, "-1        ")],
    ["no terminator", patched(66, "xx")],
    ["too many members", makeAr(Array.from({ length: 65 }, () => ["m", Buffer.alloc(0)] as const))],
  ])("%s is WV_BAD_IMAGE", (_, archive) => {
    expect(() => readAr(archive)).toThrow(expect.objectContaining({ code: "WV_BAD_IMAGE" }));
  });

  test("random damage never escapes the promise", () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(bytes, fc.nat({ max: whole.length - 1 }), (tail, at) => {
        onlyFailsWith(["WV_BAD_IMAGE"], () => readAr(Buffer.concat([whole.subarray(0, at), tail])));
      }),
    );
  });
});

describe("cpio", () => {
  const entries: CpioEntry[] = [
    { type: "file", path: "bin/tool", data: Buffer.from("12345"), executable: true },
    { type: "symlink", path: "bin/sh", target: "tool" },
    { type: "character-device", path: "dev/console", major: 5, minor: 1 },
    { type: "file", path: "a", data: Buffer.from("x") },
  ];

  test("entries are sorted, parents are added, modes are fixed", () => {
    expect(readCpio(writeCpio(entries))).toEqual([
      { path: "a", mode: 0o100644, data: "x", ino: 1 },
      { path: "bin", mode: 0o040755, data: "", ino: 2 },
      { path: "bin/sh", mode: 0o120777, data: "tool", ino: 3 },
      { path: "bin/tool", mode: 0o100755, data: "12345", ino: 4 },
      { path: "dev", mode: 0o040755, data: "", ino: 5 },
      { path: "dev/console", mode: 0o020600, data: "", ino: 6 },
    ]);
  });

  test("the order of the input does not matter", () => {
    expect(writeCpio([...entries].reverse())).toEqual(writeCpio(entries));
  });

  test("a path that leaves the tree, or cannot be in it, is WV_BAD_IMAGE", () => {
    const outside = ["/etc/passwd", "../x", "a/../../x", "a//b", "", "./a", "a\0b"];
    for (const path of [...outside, "x".repeat(5000)]) {
      expect(() => writeCpio([{ type: "directory", path }])).toThrow(
        expect.objectContaining({ code: "WV_BAD_IMAGE" }),
      );
    }
  });

  test("a path that is there twice, or lies below a file, is WV_BAD_IMAGE", () => {
    const file = (path: string): CpioEntry => ({ type: "file", path, data: Buffer.alloc(0) });
    for (const pair of [
      [file("a"), file("a")],
      [file("a"), file("a/b")],
    ]) {
      expect(() => writeCpio(pair)).toThrow(expect.objectContaining({ code: "WV_BAD_IMAGE" }));
    }
  });

  test("any content comes back, or the path was refused", () => {
    const entry = fc.record({ path: fc.string({ maxLength: 20 }), text: fc.string() });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 8 }), (files) => {
        onlyFailsWith(["WV_BAD_IMAGE"], () => {
          const archive = writeCpio(
            files.map(({ path, text }) => ({ type: "file", path, data: Buffer.from(text) })),
          );
          const found = new Map(readCpio(archive).map(({ path, data }) => [path, data]));
          // A lone surrogate has no UTF-8; both sides then read the replacement character.
          const utf8 = (text: string): string => Buffer.from(text).toString();
          for (const { path, text } of files) expect(found.get(utf8(path))).toBe(utf8(text));
        });
      }),
    );
  });
});

describe("package", () => {
  const all = { keep: () => true };

  test("regular files come out, links do not", async () => {
    const files = await readDeb(makeDeb(GOOD_TAR_XZ), all);
    expect([...files].map(([path, bytes]) => [path, bytes.toString()])).toEqual([
      ["usr/bin/busybox", "good\n"],
    ]);
  });

  test("xz data comes back whole", async () => {
    expect((await unxz(HELLO_XZ, 100)).toString()).toBe("hello, xz\n");
  });

  const flipped = Buffer.from(GOOD_TAR_XZ);
  flipped.writeUInt8(flipped.readUInt8(100) ^ 1, 100);
  test.each([
    ["a path that leaves the tree", makeDeb(EVIL_TAR_XZ)],
    ["cut data", makeDeb(GOOD_TAR_XZ.subarray(0, 150))],
    ["data cut to nothing", makeDeb(Buffer.alloc(0))],
    ["a flipped bit", makeDeb(flipped)],
    ["data that is no tar", makeDeb(HELLO_XZ)],
    ["another compression", makeDeb(GOOD_TAR_XZ, "data.tar.zst")],
    ["no data member", makeAr([["debian-binary", Buffer.from("2.0\n")]])],
    ["another version", makeAr([["debian-binary", Buffer.from("3.0\n")]])],
  ])("%s is WV_BAD_IMAGE", async (_, deb) => {
    await expect(readDeb(deb, all)).rejects.toMatchObject({ code: "WV_BAD_IMAGE" });
    // The decoder's lock is free again, or this would wait for ever.
    expect((await unxz(HELLO_XZ, 100)).length).toBe(10);
  });

  test("beyond a limit is WV_LIMIT", async () => {
    const limits = [{ fileBytesMax: 4 }, { keptBytesMax: 4 }, { fileCountMax: 2 }];
    for (const one of limits) {
      const options = { ...all, limits: { ...DEFAULT_DEB_LIMITS, ...one } };
      await expect(readDeb(makeDeb(GOOD_TAR_XZ), options)).rejects.toMatchObject({
        code: "WV_LIMIT",
      });
    }
    await expect(unxz(HELLO_XZ, 9)).rejects.toMatchObject({ code: "WV_LIMIT" });
  });

  test("an abort passes through", async () => {
    const signal = AbortSignal.abort();
    const aborted = readDeb(makeDeb(GOOD_TAR_XZ), { ...all, signal });
    await expect(aborted).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("kernel module", () => {
  test("says what it depends on", () => {
    expect(readModuleInfo(makeModule())).toEqual({
      name: "probe_me",
      depends: ["jbd2", "mb_cache"],
      softDepends: ["crypto-crc32c"],
      vermagic: "6.12 SMP",
    });
  });

  test("loses signature, debug sections and unused labels, keeps the rest", () => {
    const module = makeModule();
    const stripped = stripModule(sign(module));
    expect(Buffer.from(stripSignature(sign(module))).equals(module)).toBe(true);
    const { sections } = readElfObject(stripped);
    const names = sections.map(({ name }) => name);
    expect(names).toEqual(
      ["", ".text", ".rela.text", ".modinfo", ".symtab", ".strtab", ".shstrtab"], //
    );
    const named = (name: string) => sections.find((section) => section.name === name);
    expect(Buffer.from(named(".modinfo")?.data ?? []).toString()).toBe(MODINFO);
    expect(named(".strtab")?.data.length).toBe("\0helper\0init_module\0printk\0".length);
    // null, .L0, helper | init_module, printk
    expect(named(".symtab")).toMatchObject({ info: 3, link: 5, entryBytes: 24 });
    expect(named(".symtab")?.data.length).toBe(5 * 24);
    const rela = Buffer.from(named(".rela.text")?.data ?? []);
    expect(named(".rela.text")).toMatchObject({ info: 1, link: 4 });
    expect([rela.readUInt32LE(12), rela.readUInt32LE(36)]).toEqual([4, 1]);
    expect([rela.readUInt32LE(8), rela.readUInt32LE(32)]).toEqual([23, 24]);
    expect(stripModule(stripped)).toEqual(stripped);
  });

  test("with a section type that is not understood it only loses the signature", () => {
    const group = makeModule([{ name: ".group", type: 17, data: Buffer.alloc(8) }]);
    expect(Buffer.from(stripModule(sign(group))).equals(group)).toBe(true);
  });

  test("damage is WV_BAD_ELF", () => {
    const module = makeModule();
    const patched = (at: number, value: number): Buffer => {
      const copy = Buffer.from(module);
      copy.writeUInt8(value, at);
      return copy;
    };
    const broken = [
      Buffer.alloc(0),
      module.subarray(0, 100),
      module.subarray(0, module.length - 1),
      patched(0, 0),
      patched(4, 1),
      patched(16, 2),
      patched(18, 62),
      patched(62, 200),
      makeModule([{ name: ".rela.x", type: 4, info: 1, link: 6, data: Buffer.alloc(23) }]),
      makeModule([{ name: ".rela.x", type: 4, info: 1, link: 6, data: Buffer.alloc(24, 0xff) }]),
      sign(module, 40).subarray(module.length + 20),
    ];
    for (const bytes of broken) {
      expect(() => stripModule(bytes)).toThrow(expect.objectContaining({ code: "WV_BAD_ELF" }));
    }
  });

  test("random damage never escapes the promise", () => {
    const module = makeModule();
    const patches = fc.array(fc.tuple(fc.nat({ max: module.length - 1 }), fc.nat({ max: 255 })), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(patches, (list) => {
        const copy = Buffer.from(module);
        for (const [at, value] of list) copy.writeUInt8(value, at);
        onlyFailsWith(["WV_BAD_ELF"], () => stripModule(copy));
        onlyFailsWith(["WV_BAD_ELF"], () => readModuleInfo(copy));
      }),
      { numRuns: 2000 },
    );
  });

  test("dependencies come first, each once; a circle is WV_BAD_IMAGE", async () => {
    const graph = new Map([
      ["ext4", ["jbd2", "crc16"]],
      ["jbd2", ["crc16"]],
    ]);
    const dependsOf = async (name: string): Promise<string[]> => graph.get(name) ?? [];
    expect(await insertionOrder(["ext4", "crc16"], dependsOf)).toEqual(["crc16", "jbd2", "ext4"]);
    graph.set("crc16", ["ext4"]);
    await expect(insertionOrder(["ext4"], dependsOf)).rejects.toMatchObject({
      code: "WV_BAD_IMAGE",
    });
  });
});

describe("initramfs", () => {
  const table = `junk\0[\0[[\0ash\0insmod\0sh\0\0more`;

  test("applets are read from the binary, else a basic set is used", () => {
    expect(readApplets(Buffer.from(table))).toEqual(["[", "[[", "ash", "insmod", "sh"]);
    for (const text of ["", "\0[\0[[\0", "\0[\0[[\0zz\0aa\0"]) {
      expect(readApplets(Buffer.from(text))).toContain("poweroff");
    }
  });

  test("has /init, the modules with their dependencies, and our programs before applets", () => {
    const initrd = buildInitramfs({
      busybox: Buffer.from("ELF"),
      applets: ["sh", "dirty"],
      modules: [
        { name: "crc16", depends: [], bytes: Buffer.from("c") },
        { name: "jbd2", depends: ["crc16"], bytes: Buffer.from("j") },
        { name: "ext4", depends: ["jbd2"], bytes: Buffer.from("e") },
      ],
      programs: [{ name: "dirty", bytes: Buffer.from("own") }],
      kernelRelease: "6.12",
    });
    const files = new Map(readCpio(initrd).map(({ path, data }) => [path, data]));
    expect(files.get("init")).toBe(INIT_SCRIPT);
    expect(files.get("bin/dirty")).toBe("own");
    expect(files.get("bin/sh")).toBe("busybox");
    expect(files.get("lib/modules/6.12/modules.dep")).toBe(
      "crc16.ko:\njbd2.ko: crc16.ko\next4.ko: jbd2.ko crc16.ko\n",
    );
    expect(files.get("lib/modules/wv")).toBe("6.12");
    expect(files.get("lib/modules/6.12/ext4.dep")).toBe("jbd2\n");
  });

  test("/init says its line and loads only modules that are packed", () => {
    expect(INIT_SCRIPT.split("\n").filter((line) => line.includes(INIT_LINE)).length).toBe(2);
    const driven = [...INIT_SCRIPT.matchAll(/for m in ([\w ]+);/g)].flatMap(([, names = ""]) =>
      names.split(" "),
    );
    expect(driven.length).toBeGreaterThan(4);
    for (const name of driven) expect(DEFAULT_MODULES).toContain(name);
  });
});

describe("pull", () => {
  const failure = async (options: PullOptions): Promise<string> => {
    const cacheDir = await mkdtemp(join(tmpdir(), "wasmvisor-pull-"));
    try {
      const error: unknown = await pullDebian({ ...options, cacheDir }).catch((one) => one);
      expect(await readdir(join(cacheDir, "images")).catch(() => [])).toEqual([]);
      return error instanceof WasmvisorError ? error.code : String(error);
    } finally {
      await rm(cacheDir, { recursive: true, force: true });
    }
  };

  test("wrong options are WV_CONFIG, an abort is WV_ABORTED, and nothing is left", async () => {
    expect(await failure({ suite: "../x" })).toBe("WV_CONFIG");
    expect(await failure({ mirror: "http://x y/" })).toBe("WV_CONFIG");
    expect(await failure({ mirror: "ftp://somewhere/debian" })).toBe("WV_CONFIG");
    expect(await failure({ signal: AbortSignal.abort() })).toBe("WV_ABORTED");
  });

  test("a machine without apt is WV_MISSING", async () => {
    vi.stubEnv("PATH", "");
    expect(await failure({})).toBe("WV_MISSING");
    vi.unstubAllEnvs();
  });
});

describe("store", () => {
  let cacheDir = "";
  beforeAll(async () => {
    cacheDir = await mkdtemp(join(tmpdir(), "wasmvisor-image-"));
  });
  afterAll(async () => await rm(cacheDir, { recursive: true, force: true }));

  const description = {
    distribution: "debian",
    suite: "trixie",
    kernelRelease: "6.12.1-riscv64",
    cmdline: "console=ttyS0",
    recipe: "r",
    packages: [],
    modules: [],
    programs: [],
  } as const;
  const content = { kernel: Buffer.from("kernel"), initrd: Buffer.from("initrd") };

  test("equal content is stored once, also by many at a time", async () => {
    const stored = await Promise.all(
      Array.from({ length: 8 }, () => storeImage(description, content, { cacheDir })),
    );
    expect(new Set(stored.map(({ name }) => name)).size).toBe(1);
    expect(await listImages({ cacheDir })).toEqual([stored[0]]);
  });

  test("`debian` is the last one pulled; a prefix must fit one only", async () => {
    const other = await storeImage({ ...description, recipe: "s" }, content, { cacheDir });
    expect((await resolveImage("debian", { cacheDir })).manifest.name).toBe(other.name);
    expect(await readFile((await resolveImage(other.name, { cacheDir })).kernel, "utf8")).toBe(
      "kernel",
    );
    await expect(resolveImage("debian-6.12", { cacheDir })).rejects.toMatchObject({
      code: "WV_MISSING",
    });
    await removeImage(other.name, { cacheDir });
    expect((await resolveImage("debian", { cacheDir })).manifest.recipe).toBe("r");
    for (const name of ["fedora", "../..", ""]) {
      const found = resolveImage(name, { cacheDir });
      await expect(found).rejects.toMatchObject({ code: "WV_MISSING" });
    }
  });

  test("a changed file is WV_BAD_IMAGE, and storing again mends it", async () => {
    const { kernel, manifest } = await resolveImage("debian", { cacheDir });
    await writeFile(kernel, "kernex");
    await expect(resolveImage("debian", { cacheDir })).rejects.toMatchObject({
      code: "WV_BAD_IMAGE",
    });
    await resolveImage("debian", { cacheDir, verify: "size" });
    const again = await storeImage(description, content, { cacheDir });
    expect(again.name).toBe(manifest.name);
    await resolveImage("debian", { cacheDir });
  });

  test("a damaged manifest is not an image", async () => {
    const { directory, manifest } = await resolveImage("debian", { cacheDir });
    const path = join(directory, "manifest.json");
    const text = await readFile(path, "utf8");
    for (const bad of ["", "{}", "null", text.replace('"path": "kernel"', '"path": "../kernel"')]) {
      await writeFile(path, bad);
      expect(await listImages({ cacheDir })).toEqual([]);
    }
    await writeFile(path, text);
    expect(await listImages({ cacheDir })).toEqual([manifest]);
    await sweepLeftovers(directory, { cacheDir });
    expect(await listImages({ cacheDir })).toEqual([manifest]);
  });
});
