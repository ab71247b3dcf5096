/** `wasmvisor pool ...` and `wasmvisor volume ...`. */
import { resolve } from "node:path";
import { WasmvisorError } from "../../base/errors.ts";
import { formatSize, parseSize } from "../../base/units.ts";
import { createPool, withPool } from "../../host/pools.ts";
import { FileDisk } from "../../storage/file-disk.ts";
import type { Pool } from "../../storage/pool/pool.ts";
import type { CommandContext } from "../context.ts";
import { EXIT_DONE, EXIT_FAILED } from "../exit.ts";
import { oneOf } from "../options.ts";
import { columns } from "../output.ts";

const size = (value: unknown, what: string): number | undefined =>
  value === undefined ? undefined : parseSize(String(value), what);

function describePool(pool: Pool) {
  const { freeExtents, usedExtents } = pool.check();
  const { chunkBytes, degradedChunks, devices } = pool;
  return {
    chunkBytes,
    usedBytes: usedExtents * chunkBytes,
    freeBytes: freeExtents * chunkBytes,
    degradedBytes: degradedChunks * chunkBytes,
    devices,
  };
}

function show({ out }: CommandContext, pool: Pool): void {
  const info = describePool(pool);
  out.result(info, () => {
    const rows = info.devices.map(({ extents, freeExtents, name, state }) => [
      name,
      state,
      formatSize(extents * info.chunkBytes),
      formatSize(freeExtents * info.chunkBytes),
    ]);
    const sums = `used ${formatSize(info.usedBytes)}, free ${formatSize(info.freeBytes)}, degraded ${formatSize(info.degradedBytes)}`;
    return `${columns(["device", "state", "size", "free"], rows)}\n${sums}`;
  });
}

export async function create(context: CommandContext): Promise<number> {
  const [file = "", ...devices] = context.args;
  const chunkBytes = size(context.options.chunk, "--chunk");
  const pool = await createPool(file, { devices, chunkBytes });
  show(context, pool);
  await pool.close();
  return EXIT_DONE;
}

export async function info(context: CommandContext): Promise<number> {
  await withPool(String(context.args[0]), (pool) => show(context, pool));
  return EXIT_DONE;
}

export async function add(context: CommandContext): Promise<number> {
  const [file = "", device = ""] = context.args;
  await withPool(file, async (pool) => {
    await pool.addDevice({ name: resolve(device), backend: new FileDisk({ path: device }) });
    show(context, pool);
  });
  return EXIT_DONE;
}

export async function grow(context: CommandContext): Promise<number> {
  await withPool(String(context.args[0]), async (pool) => {
    await pool.grow();
    show(context, pool);
  });
  return EXIT_DONE;
}

export async function rebuild(context: CommandContext): Promise<number> {
  await withPool(String(context.args[0]), async (pool) => {
    while ((await pool.rebuild(64)) > 0) context.out.progress(`${pool.degradedChunks} chunks left`);
    context.out.progressDone();
    show(context, pool);
  });
  return EXIT_DONE;
}

export async function check({ args, out }: CommandContext): Promise<number> {
  const found = await withPool(String(args[0]), (pool) => pool.check());
  out.result(found, () => (found.problems.length > 0 ? found.problems.join("\n") : "no problems"));
  return found.problems.length > 0 ? EXIT_FAILED : EXIT_DONE;
}

export async function createVolume({ args, options, out }: CommandContext): Promise<number> {
  const [file = "", name = ""] = args;
  const bytes = size(options.size, "--size");
  if (bytes === undefined) throw new WasmvisorError("WV_CONFIG", "--size: expected, like 10GiB");
  const layout = oneOf(options.layout, ["linear", "striped", "mirrored"] as const, "--layout");
  const room = options.full === true ? "full" : "thin";
  await withPool(file, (pool) => pool.createVolume({ name, bytes, layout, room }));
  out.result({ name, bytes }, () => `${name}: pool:${file}/${name}, ${formatSize(bytes)}`);
  return EXIT_DONE;
}

export async function listVolumes({ args, out }: CommandContext): Promise<number> {
  const all = await withPool(String(args[0]), (pool) =>
    pool.volumes.map(({ bytes, layout, name, readOnly }) => ({ name, bytes, layout, readOnly })),
  );
  const kind = (readOnly: boolean): string => (readOnly ? "snapshot" : "volume");
  out.result(all, () =>
    columns(
      ["name", "kind", "layout", "size"],
      all.map((one) => [one.name, kind(one.readOnly), one.layout, formatSize(one.bytes)]),
    ),
  );
  return EXIT_DONE;
}

export async function snapshot({ args, out }: CommandContext): Promise<number> {
  const [file = "", of = "", name = ""] = args;
  await withPool(file, (pool) => pool.snapshot(of, name));
  out.result({ name, of }, () => `${name}: ${of} as it is now`);
  return EXIT_DONE;
}

export async function growVolume({ args, out }: CommandContext): Promise<number> {
  const [file = "", name = "", text = ""] = args;
  const bytes = parseSize(text, "size");
  await withPool(file, (pool) => pool.growVolume(name, bytes));
  out.result({ name, bytes }, () => `${name}: ${formatSize(bytes)}`);
  return EXIT_DONE;
}

export async function map({ args, out }: CommandContext): Promise<number> {
  const [file = "", name = ""] = args;
  const ranges = await withPool(file, (pool) => pool.volume(name).map());
  const place = (copies: (typeof ranges)[number]["copies"]): string =>
    copies.map(({ device, offset }) => `${device} at ${offset}`).join(", ") || "zeros";
  out.result(ranges, () =>
    columns(
      ["offset", "bytes", "lies"],
      ranges.map(({ bytes, copies, offset }) => [String(offset), String(bytes), place(copies)]),
    ),
  );
  return EXIT_DONE;
}

export async function removeVolume({ args, out }: CommandContext): Promise<number> {
  const [file = "", name = ""] = args;
  await withPool(file, (pool) => pool.removeVolume(name));
  out.result({ name }, () => `${name}: removed`);
  return EXIT_DONE;
}
