/** What one does with a pool by its name: here if nobody has it open, else in the process that has. */
import { z } from "zod";
import { WasmvisorError } from "../base/errors.ts";
import type { Pool } from "../storage/pool/pool.ts";
import type { RebuildState } from "../storage/pool/rebuilder.ts";
import { newDevice } from "./pool-devices.ts";

const bytes = z.number().int().positive();
const name = z.string();
const SCHEMA = z.discriminatedUnion("do", [
  z.object({ do: z.literal("info") }),
  z.object({ do: z.literal("add"), device: z.string() }),
  z.object({ do: z.literal("grow") }),
  z.object({ do: z.literal("rebuild") }),
  z.object({ do: z.literal("check") }),
  z.object({ do: z.literal("volumes") }),
  z.object({ do: z.literal("map"), name }),
  z.object({
    do: z.literal("createVolume"),
    name,
    bytes,
    layout: z.enum(["linear", "striped", "mirrored"]).optional(),
    room: z.enum(["thin", "full"]).optional(),
  }),
  z.object({ do: z.literal("snapshot"), of: z.string(), name }),
  z.object({ do: z.literal("growVolume"), name, bytes }),
  z.object({ do: z.literal("removeVolume"), name }),
]);

export type PoolCommand = z.infer<typeof SCHEMA>;

/** Reads what another process asks for. Throws `WV_CONFIG`. */
export function parsePoolCommand(text: string): PoolCommand {
  try {
    return SCHEMA.parse(JSON.parse(text));
  } catch (cause) {
    throw new WasmvisorError("WV_CONFIG", "pool: this is no command", { cause });
  }
}

export function describePool(pool: Pool, rebuild: RebuildState = "idle") {
  const { freeExtents, usedExtents } = pool.check();
  const { chunkBytes, degradedChunks, devices, rebuiltChunks, resync } = pool;
  return {
    chunkBytes,
    usedBytes: usedExtents * chunkBytes,
    freeBytes: freeExtents * chunkBytes,
    degradedBytes: degradedChunks * chunkBytes,
    rebuild: { state: rebuild, doneBytes: rebuiltChunks * chunkBytes },
    resync: {
      comparedBytes: resync.compared * chunkBytes,
      mendedBytes: resync.mended * chunkBytes,
    },
    devices,
  };
}

export type PoolInfo = ReturnType<typeof describePool>;

async function addDevice(pool: Pool, name: string): Promise<void> {
  const device = await newDevice(name);
  try {
    await pool.addDevice(device);
  } catch (error) {
    if (!pool.uses(device)) await device.backend.close?.();
    throw error;
  }
}

/** Does it; what it returns is plain. `rebuild` says what goes on in the background. */
export async function doPoolCommand(
  pool: Pool,
  command: PoolCommand,
  rebuild: () => RebuildState = () => "idle",
): Promise<unknown> {
  switch (command.do) {
    case "add":
      await addDevice(pool, command.device);
      break;
    case "grow":
      await pool.grow();
      break;
    case "rebuild":
      await pool.bringBack();
      while ((await pool.rebuild(64)) > 0);
      break;
    case "check":
      return pool.check();
    case "volumes":
      return pool.volumes.map((one) => ({
        name: one.name,
        bytes: one.bytes,
        layout: one.layout,
        readOnly: one.readOnly,
      }));
    case "map":
      return pool.volume(command.name).map();
    case "createVolume":
      await pool.createVolume(command);
      break;
    case "snapshot":
      await pool.snapshot(command.of, command.name);
      break;
    case "growVolume":
      await pool.growVolume(command.name, command.bytes);
      break;
    case "removeVolume":
      await pool.removeVolume(command.name);
      break;
  }
  return describePool(pool, rebuild());
}
