/** `wasmvisor pool ...` and `wasmvisor volume ...`. */
import { WasmvisorError } from "../../base/errors.ts";
import { formatSize, parseSize } from "../../base/units.ts";
import { describePool, type PoolCommand, type PoolInfo } from "../../host/pool-commands.ts";
import { deviceName } from "../../host/pool-devices.ts";
import { createPool, poolCommand } from "../../host/pools.ts";
import type { PoolCheck } from "../../storage/pool/check.ts";
import type { MappedRange } from "../../storage/pool/volume.ts";
import type { CommandContext } from "../context.ts";
import { EXIT_DONE, EXIT_FAILED } from "../exit.ts";
import { oneOf } from "../options.ts";
import { columns } from "../output.ts";

const size = (value: unknown, what: string): number | undefined =>
  value === undefined ? undefined : parseSize(String(value), what);

function show({ out }: CommandContext, info: PoolInfo): void {
  out.result(info, () => {
    const rows = info.devices.map(({ extents, freeExtents, name, state }) => [
      name,
      state,
      formatSize(extents * info.chunkBytes),
      formatSize(freeExtents * info.chunkBytes),
    ]);
    const sums = `used ${formatSize(info.usedBytes)}, free ${formatSize(info.freeBytes)}, degraded ${formatSize(info.degradedBytes)}`;
    const table = columns(["device", "state", "size", "free"], rows);
    return [table, ...problems(info), sums, ...progress(info)].join("\n");
  });
}

const problems = ({ devices }: PoolInfo): string[] =>
  devices.flatMap(({ name, problem }) => (problem === undefined ? [] : [`${name}: ${problem}`]));

/** What goes on, or went on when the pool was opened. */
function progress({ degradedBytes, rebuild, resync }: PoolInfo): string[] {
  const lines: string[] = [];
  const done = formatSize(rebuild.doneBytes);
  if (rebuild.state === "running")
    lines.push(`rebuild: ${done} done, ${formatSize(degradedBytes)} left`);
  else if (rebuild.state === "waiting")
    lines.push("rebuild: waits for a device with room; add one");
  else if (rebuild.doneBytes > 0) lines.push(`rebuild: ${done} done`);
  if (resync.comparedBytes > 0)
    lines.push(
      `resync: ${formatSize(resync.comparedBytes)} compared, ${formatSize(resync.mendedBytes)} made equal`,
    );
  return lines;
}

export async function create(context: CommandContext): Promise<number> {
  const [file = "", ...devices] = context.args;
  const chunkBytes = size(context.options.chunk, "--chunk");
  const pool = await createPool(file, { devices, chunkBytes });
  show(context, describePool(pool));
  await pool.close();
  return EXIT_DONE;
}

async function doAndShow(context: CommandContext, command: PoolCommand): Promise<number> {
  show(context, (await poolCommand(String(context.args[0]), command)) as PoolInfo);
  return EXIT_DONE;
}

export const info = (context: CommandContext): Promise<number> =>
  doAndShow(context, { do: "info" });

export const grow = (context: CommandContext): Promise<number> =>
  doAndShow(context, { do: "grow" });

export const rebuild = (context: CommandContext): Promise<number> =>
  doAndShow(context, { do: "rebuild" });

export const add = (context: CommandContext): Promise<number> =>
  doAndShow(context, { do: "add", device: deviceName(String(context.args[1])) });

export async function check({ args, out }: CommandContext): Promise<number> {
  const found = (await poolCommand(String(args[0]), { do: "check" })) as PoolCheck;
  out.result(found, () => (found.problems.length > 0 ? found.problems.join("\n") : "no problems"));
  return found.problems.length > 0 ? EXIT_FAILED : EXIT_DONE;
}

export async function createVolume({ args, options, out }: CommandContext): Promise<number> {
  const [file = "", name = ""] = args;
  const bytes = size(options.size, "--size");
  if (bytes === undefined) throw new WasmvisorError("WV_CONFIG", "--size: expected, like 10GiB");
  const layout = oneOf(options.layout, ["linear", "striped", "mirrored"] as const, "--layout");
  const room = options.full === true ? "full" : "thin";
  await poolCommand(file, { do: "createVolume", name, bytes, layout, room });
  out.result({ name, bytes }, () => `${name}: pool:${file}/${name}, ${formatSize(bytes)}`);
  return EXIT_DONE;
}

type VolumeRow = { name: string; bytes: number; layout: string; readOnly: boolean };

export async function listVolumes({ args, out }: CommandContext): Promise<number> {
  const all = (await poolCommand(String(args[0]), { do: "volumes" })) as VolumeRow[];
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
  await poolCommand(file, { do: "snapshot", of, name });
  out.result({ name, of }, () => `${name}: ${of} as it is now`);
  return EXIT_DONE;
}

export async function growVolume({ args, out }: CommandContext): Promise<number> {
  const [file = "", name = "", text = ""] = args;
  const bytes = parseSize(text, "size");
  await poolCommand(file, { do: "growVolume", name, bytes });
  out.result({ name, bytes }, () => `${name}: ${formatSize(bytes)}`);
  return EXIT_DONE;
}

export async function map({ args, out }: CommandContext): Promise<number> {
  const [file = "", name = ""] = args;
  const ranges = (await poolCommand(file, { do: "map", name })) as MappedRange[];
  const place = (copies: MappedRange["copies"]): string =>
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
  await poolCommand(file, { do: "removeVolume", name });
  out.result({ name }, () => `${name}: removed`);
  return EXIT_DONE;
}
