/** Pools in files: FILE holds what the pool knows, and names its devices, which are files or exports. */
import {
  appendFileSync,
  closeSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { resolve } from "node:path";
import { WallClock } from "../base/clock.ts";
import { WasmvisorError } from "../base/errors.ts";
import type { Wait } from "../base/task.ts";
import type { BlockBackend } from "../machine/block.ts";
import { FileDisk } from "../storage/file-disk.ts";
import type { PoolDevice } from "../storage/pool/members.ts";
import { Pool } from "../storage/pool/pool.ts";
import { Rebuilder } from "../storage/pool/rebuilder.ts";
import type { Volume } from "../storage/pool/volume.ts";
import { doPoolCommand, type PoolCommand, parsePoolCommand } from "./pool-commands.ts";
import { knock, PoolDoor, removeDoor } from "./pool-control.ts";
import { newDevice, openDevice } from "./pool-devices.ts";

/** Two copies of the maps, each of half of it; the file has holes where nothing was written. */
const METADATA_BYTES = 256 << 20;
const PREFIX = "pool:";

/** A pool that is open: mirrors that lack a copy are given one, and other processes may say what they want of it. */
interface OpenPool {
  readonly pool: Pool;
  readonly rebuilder: Rebuilder;
  readonly door: PoolDoor;
}

/** Pools that this process has open: guests on one pool share it. */
const open = new Map<string, Entry>();

interface Entry {
  readonly opened: Promise<OpenPool>;
  users: number;
  /** Nobody uses it any more: whoever wants it waits, and opens it anew. */
  closing?: Promise<void>;
}

/** Makes a pool in `path`, which must not be there. */
export async function createPool(
  path: string,
  options: { readonly devices: readonly string[]; readonly chunkBytes?: number | undefined },
): Promise<Pool> {
  const { chunkBytes } = options;
  const devices: PoolDevice[] = [];
  try {
    for (const device of options.devices) devices.push(await newDevice(device));
    const metadata = makeMetadata(path);
    try {
      return await Pool.create({ metadata, devices, chunkBytes, find: openDevice });
    } catch (error) {
      metadata.close();
      rmSync(path, { force: true });
      throw error;
    }
  } catch (error) {
    for (const { backend } of devices) await backend.close?.();
    throw error;
  }
}

function makeMetadata(path: string): FileDisk {
  try {
    const file = openSync(path, "wx", 0o600);
    ftruncateSync(file, METADATA_BYTES);
    closeSync(file);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new WasmvisorError("WV_DISK", `pool "${path}": cannot be made (${code})`, { cause });
  }
  return new FileDisk({ path });
}

/** Runs `action` with the pool in `path`, which is this process's alone meanwhile. Throws `WV_STATE`, `WV_DISK`. */
export async function withPool<T>(path: string, action: (pool: Pool) => Wait<T>): Promise<T> {
  const pool = await acquire(resolve(path));
  try {
    return await action(pool);
  } finally {
    await release(resolve(path));
  }
}

/** The same by a command that any process may give: whoever has the pool open does it. */
export async function poolCommand(path: string, command: PoolCommand): Promise<unknown> {
  const door = open.has(resolve(path)) ? undefined : doorOf(resolve(path));
  if (door !== undefined) return knock(door, command);
  return withPool(path, (pool) => doPoolCommand(pool, command));
}

async function acquire(path: string): Promise<Pool> {
  const known = open.get(path);
  if (known?.closing) {
    await known.closing.catch(() => undefined); // Its last user is told.
    return acquire(path);
  }
  if (known) {
    known.users++;
    return (await known.opened).pool;
  }
  lock(path);
  const opened = openPool(path);
  open.set(path, { opened, users: 1 });
  opened.catch(() => forget(path));
  return (await opened).pool;
}

async function openPool(path: string): Promise<OpenPool> {
  const metadata = new FileDisk({ path });
  const pool = await openOrClose(metadata);
  const rebuilder = new Rebuilder({ pool, clock: new WallClock() });
  const door = await PoolDoor.open((line) =>
    doPoolCommand(pool, parsePoolCommand(line), () => rebuilder.state),
  );
  appendFileSync(lockOf(path), `${door.path}\n`);
  return { pool, rebuilder, door };
}

async function openOrClose(metadata: FileDisk): Promise<Pool> {
  try {
    return await Pool.open(metadata, openDevice);
  } catch (error) {
    metadata.close();
    throw error;
  }
}

async function release(path: string): Promise<void> {
  const known = open.get(path);
  if (!known) return;
  known.users--;
  if (known.users > 0) return;
  known.closing = closePool(path, known.opened);
  await known.closing;
}

async function closePool(path: string, opened: Promise<OpenPool>): Promise<void> {
  try {
    const { door, pool, rebuilder } = await opened;
    await door.close();
    await rebuilder.stop();
    await pool.close();
  } finally {
    forget(path);
  }
}

const lockOf = (path: string): string => `${path}.lock`;

function forget(path: string): void {
  open.delete(path);
  rmSync(lockOf(path), { force: true });
}

/** Two processes that changed the maps of one pool would destroy both. */
function lock(path: string): void {
  const file = lockOf(path);
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(file, `${process.pid}\n`, { flag: "wx" });
      return;
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code !== "EEXIST")
        throw new WasmvisorError("WV_DISK", `pool "${path}": cannot be locked (${code})`, {
          cause,
        });
      const owner = ownerOf(file);
      if (owner !== undefined && isAlive(owner))
        throw new WasmvisorError("WV_STATE", `pool "${path}": process ${owner} has it open`);
      removeDoor(linesOf(file)[1]);
      rmSync(file, { force: true }); // Whoever had it has died: nothing that was flushed is lost.
    }
  }
  throw new WasmvisorError("WV_STATE", `pool "${path}": somebody else opens it right now`);
}

/** What a lock says: a process, and where it listens once it has opened the pool. */
function ownerOf(file: string): number | undefined {
  return Number(linesOf(file)[0]) || undefined;
}

/** Of a process that lives. */
function doorOf(path: string): string | undefined {
  const owner = ownerOf(lockOf(path));
  if (owner === undefined || owner === process.pid || !isAlive(owner)) return undefined;
  return linesOf(lockOf(path))[1] || undefined;
}

function linesOf(file: string): readonly string[] {
  try {
    return readFileSync(file, "utf8").split("\n");
  } catch {
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** True for `pool:FILE/VOLUME`. */
export const isPoolPath = (path: string): boolean => path.startsWith(PREFIX);

/** The same with an absolute file. */
export function absolutePoolPath(path: string): string {
  return `${PREFIX}${resolve(path.slice(PREFIX.length))}`;
}

/** A volume as a disk: the pool is open until it is closed. */
export async function openVolume(path: string, readOnly: boolean): Promise<BlockBackend> {
  const [, file = "", name = ""] = /^pool:(.+)\/([^/]+)$/s.exec(path) ?? [];
  if (name === "")
    throw new WasmvisorError("WV_CONFIG", `disk: expected pool:FILE/VOLUME, got "${path}"`);
  const pool = await acquire(resolve(file));
  try {
    return asDisk(pool.volume(name), readOnly, () => release(resolve(file)));
  } catch (error) {
    await release(resolve(file));
    throw error;
  }
}

function asDisk(volume: Volume, readOnly: boolean, close: () => Promise<void>): BlockBackend {
  return {
    get bytes() {
      return volume.bytes;
    },
    readOnly: readOnly || volume.readOnly,
    read: (offset, into) => volume.read(offset, into),
    write: (offset, from) => volume.write(offset, from),
    flush: () => volume.flush(),
    discard: (offset, bytes) => volume.discard(offset, bytes),
    extent: (offset, bytes) => volume.extent(offset, bytes),
    close,
  };
}
