/** Commands that are about disk images. */
import type { AddCommand } from "./context.ts";

const FORMAT = "raw or qcow2";

export function addDiskCommands(add: AddCommand): void {
  const load = () => import("./commands/disk.ts");
  add("create <file> [size]", "make an empty image", () => load().then((m) => m.create))
    .option("--format <format>", `${FORMAT} (default: qcow2)`)
    .option("--cluster-size <size>", "of qcow2: 512 to 2MiB (default: 64KiB)")
    .option("--compat <2|3>", "version of qcow2 (default: 3)")
    .option("--refcount-bits <n>", "of qcow2: 1, 2, 4 ... 64 (default: 16)")
    .option("--backing <file>", "what it shows where it was not written")
    .option("--backing-format <format>", `what that is: ${FORMAT}`);
  add("info <file>", "what an image says of itself", () => load().then((m) => m.info)).option(
    "--format <format>",
    `${FORMAT} (default: what it looks like)`,
  );
  add("check <file>", "whether a qcow2 image is in order; status 1 if not", () =>
    load().then((m) => m.check),
  );
  add("convert <from> <to>", "copy a disk, a file or nbd://, into a new image", () =>
    load().then((m) => m.convert),
  )
    .option("--from <format>", `what the first is: ${FORMAT}`)
    .option("--format <format>", `what the second becomes: ${FORMAT} (default: qcow2)`)
    .option("--snapshot <name>", "an internal snapshot of a qcow2 image")
    .option("--cluster-size <size>", "of qcow2: 512 to 2MiB (default: 64KiB)")
    .option("--compat <2|3>", "version of qcow2 (default: 3)")
    .option("--refcount-bits <n>", "of qcow2: 1, 2, 4 ... 64 (default: 16)");
  add(
    "pull <file> <from>",
    "fetch the rest of an image that came with a guest, and not all of it",
    () => load().then((m) => m.pull),
  )
    .option("--format <format>", `what the image is: ${FORMAT} (default: raw)`)
    .option("--from <format>", `what it is fetched from, if that is a file: ${FORMAT}`);
  add("serve <file>", "export an image to NBD clients, until Ctrl-C", () =>
    load().then((m) => m.serve),
  )
    .option("--listen <address>", "tcp://127.0.0.1:10809 (the default), or tls:// for others")
    .option("--name <name>", "what clients ask for (default: the name of the file)")
    .option("--format <format>", `what the file is: ${FORMAT}`)
    .option("--ro", "for reading only")
    .option("--tls <dir>", "ca.crt, host.crt and host.key for tls:// (WASMVISOR_TLS)");
}
