/** Devices of pools: files, and exports of NBD servers. Node only. */
import { resolve } from "node:path";
import type { Wait } from "../base/task.ts";
import type { BlockBackend } from "../machine/block.ts";
import { FileDisk } from "../storage/file-disk.ts";
import type { NbdDisk } from "../storage/nbd/client.ts";
import { isNbdUrl } from "../storage/nbd/protocol.ts";
import type { PoolDevice } from "../storage/pool/members.ts";
import { openExport } from "./exports.ts";

/**
 * All volumes of a pool wait for a device that is silent, and a mirror has another one: less patience than for a
 * disk that is all that a guest has.
 */
const PATIENCE = { reconnectMs: 3000, requestMs: 10_000, restMs: 5000 } as const;

/** What a device is called from any working directory. */
export const deviceName = (device: string): string => (isNbdUrl(device) ? device : resolve(device));

/** Throws `WV_DISK` if it is not there, `WV_CONFIG` and `WV_AUTH` if it may not be used so. */
export function openDevice(name: string): Wait<BlockBackend> {
  return isNbdUrl(name) ? ExportDevice.open(name) : new FileDisk({ path: name });
}

/** A device that was never in a pool. */
export async function newDevice(device: string): Promise<PoolDevice> {
  const name = deviceName(device);
  return { name, backend: await openDevice(name), id: crypto.randomUUID() };
}

/** An export, whose size is looked up again on request. */
class ExportDevice implements BlockBackend {
  readonly readOnly = false;
  readonly #url: string;
  #disk: NbdDisk;

  private constructor(url: string, disk: NbdDisk) {
    this.#url = url;
    this.#disk = disk;
  }

  static async open(url: string): Promise<ExportDevice> {
    return new ExportDevice(url, await openExport(url, PATIENCE));
  }

  get bytes(): number {
    return this.#disk.bytes;
  }

  read(offset: number, into: Uint8Array): Promise<void> {
    return this.#disk.read(offset, into);
  }

  write(offset: number, from: Uint8Array): Promise<void> {
    return this.#disk.write(offset, from);
  }

  flush(): Promise<void> {
    return this.#disk.flush();
  }

  /** A connection learns the size of its export once: takes a new one, unless something is lost with the old one. */
  async refresh(): Promise<void> {
    const next = await openExport(this.#url, PATIENCE);
    try {
      await this.#disk.flush();
    } catch (error) {
      await next.close();
      throw error;
    }
    const before = this.#disk;
    this.#disk = next;
    await before.close();
  }

  close(): Promise<void> {
    return this.#disk.close();
  }
}
