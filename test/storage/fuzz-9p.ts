/** Messages of 9P that are wrong in every way, to a server over a real directory: it answers, and nothing gets out. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "../../ts/base/random.ts";
import { HostDirectory } from "../../ts/storage/9p/host-directory.ts";
import { ShareSession } from "../../ts/storage/9p/session.ts";
import { message } from "./p9-client.ts";

const TYPES = [
  8, 12, 14, 16, 18, 20, 22, 24, 26, 30, 32, 40, 50, 52, 54, 70, 72, 74, 76, 102, 104, 108, 110,
  116, 118, 120, 122, 7, 0, 255,
];
const NAMES = ["a", "b", "d", "link", "..", ".", "", "x/y", "../secret", "a\0b", "n".repeat(300)];

/** A share of its own, `inputs` messages, and what must be so afterwards. Throws what is not. */
export async function fuzzShare(seed: number, inputs: number): Promise<void> {
  const base = fs.mkdtempSync(join(tmpdir(), "wasmvisor-fuzz-9p-"));
  const share = join(base, "share");
  fs.mkdirSync(share);
  fs.writeFileSync(join(base, "secret"), "secret");
  fs.symlinkSync("..", join(share, "link"));
  const before = fs.readdirSync("/proc/self/fd").length;
  const session = new ShareSession(new HostDirectory({ path: share }));
  try {
    await talk(session, seed, inputs);
    const { errors, requests } = session.metrics();
    assert(errors < requests, "nothing was ever answered");
    assert.deepEqual(fs.readdirSync(base).sort(), ["secret", "share"]);
    assert.equal(fs.readFileSync(join(base, "secret"), "utf8"), "secret");
  } finally {
    session.close();
    fs.rmSync(base, { recursive: true, force: true });
  }
  assert.equal(fs.readdirSync("/proc/self/fd").length, before, "descriptors are left open");
}

/** Sends `inputs` messages, most of them of the right shape with wrong things in it. */
async function talk(session: ShareSession, seed: number, inputs: number): Promise<void> {
  const random = new Random(seed).split("9p");
  const start = (): void => {
    session.request(message(100, 65536, "9P2000.L"));
    session.request(message(104, 0, 0xffff_ffff, "", "", 0));
  };
  start();
  for (let i = 0; i < inputs; i++) {
    const bytes = random.below(8) === 0 ? noise(random) : shaped(random);
    if (random.below(6) === 0) damage(random, bytes);
    const reply = await session.request(bytes);
    const view = new DataView(reply.buffer, reply.byteOffset, reply.byteLength);
    if (reply.length < 7 || view.getUint32(0, true) !== reply.length)
      throw new Error(`seed ${seed}, input ${i}: an answer of ${reply.length} bytes`);
    if (session.msize === 0 || random.below(500) === 0) start();
  }
}

function noise(random: Random): Uint8Array {
  const bytes = random.bytes(new Uint8Array(random.below(64)));
  if (bytes.length >= 4) new DataView(bytes.buffer).setUint32(0, bytes.length, true);
  return bytes;
}

function shaped(random: Random): Uint8Array {
  const fid = (): number => (random.below(20) === 0 ? random.u32() : random.below(6));
  const name = (): string => random.pick(NAMES);
  const small = (): number => (random.below(9) === 0 ? random.u32() : random.below(300));
  const large = (): bigint => BigInt.asUintN(64, BigInt(small()) << BigInt(random.below(3) * 20));
  switch (random.pick(TYPES)) {
    case 8:
      return message(8, fid());
    case 12:
      return message(12, fid(), random.pick([0, 1, 2, 0o1000, 0o2001, 3]));
    case 14:
      return message(14, fid(), name(), random.pick([2, 0o302, 0o1102]), small(), 0);
    case 16:
      return message(16, fid(), name(), random.pick(["/etc", "..", "a", ""]), 0);
    case 18:
      return message(18, fid(), name(), random.pick([0o100644, 0o020666, 0o010666]), 1, 3, 0);
    case 20:
      return message(20, fid(), fid(), name());
    case 24:
      return message(24, fid(), large());
    case 26:
      return message(26, fid(), small(), small(), 0, 0, large(), 0n, 0n, large(), 0n);
    case 40:
      return message(40, fid(), large(), small());
    case 70:
      return message(70, fid(), fid(), name());
    case 72:
      return message(72, fid(), name(), small(), 0);
    case 74:
      return message(74, fid(), name(), fid(), name());
    case 76:
      return message(76, fid(), name(), random.pick([0, 0x200]));
    case 110:
      return message(110, fid(), fid(), [2, 2], name(), name());
    case 116:
      return message(116, fid(), large(), small());
    case 118:
      return message(118, fid(), large() % 100_000n, 3, random.bytes(new Uint8Array(3)));
    case 120:
      return message(120, fid());
    case 122:
      return message(122, fid());
    default:
      return message(random.pick(TYPES), fid(), small(), name());
  }
}

/** A byte that is another, or a message that ends early. */
function damage(random: Random, bytes: Uint8Array): void {
  if (bytes.length > 7) bytes[7 + random.below(bytes.length - 7)] = random.below(256);
}
