/** Commands that are about storage: shared directories, pools and their volumes. */
import type { AddCommand } from "./context.ts";

/** `share serve`. */
export function addShareCommands(add: AddCommand): void {
  add("serve <directory>", "serve a directory by 9P2000.L over TCP, to this machine alone", () =>
    import("./commands/share.ts").then((m) => m.serve),
  )
    .option("--listen <host:port>", "where to listen", "127.0.0.1:5640")
    .option("--read-only", "clients change nothing");
}

/** `pool ...`. */
export function addPoolCommands(add: AddCommand): void {
  const load = () => import("./commands/pool.ts");
  add("create <file> <device...>", "a pool over files or nbd:// exports, which are emptied", () =>
    load().then((m) => m.create),
  ).option("--chunk <size>", "unit in which room is given, 4KiB to 4MiB (default: 64KiB)");
  add("info <file>", "devices, their state, and room", () => load().then((m) => m.info));
  add("add <file> <device>", "one more device, or an empty one for one that failed", () =>
    load().then((m) => m.add),
  );
  add("grow <file>", "take what devices have grown by", () => load().then((m) => m.grow));
  add(
    "rebuild <file>",
    "take back devices that are there again, and make second copies for mirrors that have lost one",
    () => load().then((m) => m.rebuild),
  );
  add("check <file>", "whether the maps are consistent", () => load().then((m) => m.check));
}

/** `volume ...`. */
export function addVolumeCommands(add: AddCommand): void {
  const load = () => import("./commands/pool.ts");
  add("create <pool> <name>", "a volume; use it with --disk pool:FILE/NAME", () =>
    load().then((m) => m.createVolume),
  )
    .option("--size <size>", "how large")
    .option("--layout <layout>", "linear, striped or mirrored (default: linear)")
    .option("--full", "take all its room now");
  add("ls <pool>", "volumes and snapshots", () => load().then((m) => m.listVolumes));
  add("snapshot <pool> <volume> <name>", "keep what a volume is now", () =>
    load().then((m) => m.snapshot),
  );
  add("grow <pool> <name> <size>", "make a volume larger", () => load().then((m) => m.growVolume));
  add("map <pool> <name>", "where its blocks lie", () => load().then((m) => m.map));
  add("rm <pool> <name>", "remove a volume or snapshot", () => load().then((m) => m.removeVolume));
}
