/** `wasmvisor disk create|info|check|convert|pull|serve`. */
import { basename, resolve } from "node:path";
import { WasmvisorError } from "../../base/errors.ts";
import { formatSize, parseSize } from "../../base/units.ts";
import { checkPlain, parseAddress } from "../../host/address.ts";
import { pullDisk } from "../../host/disk-pull.ts";
import { openPath } from "../../host/disks.ts";
import { loadCredentials } from "../../host/tls/credentials.ts";
import { MOVING_BLOCK_BYTES } from "../../machine/moving-disk.ts";
import { DISK_FORMATS } from "../../storage/disk-format.ts";
import {
  checkDisk,
  convertDisk,
  createDisk,
  type DiskInfo,
  diskInfo,
} from "../../storage/disk-tools.ts";
import { isNbdUrl } from "../../storage/nbd/protocol.ts";
import { NbdServer } from "../../storage/nbd/server.ts";
import { openDisk } from "../../storage/open-disk.ts";
import { tlsFolder } from "../client.ts";
import type { CommandContext, Options } from "../context.ts";
import { EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED } from "../exit.ts";
import * as parse from "../options.ts";

const formatOf = (options: Options) => parse.oneOf(options.format, DISK_FORMATS, "--format");

function size(value: unknown, what: string): number | undefined {
  return value === undefined ? undefined : parseSize(String(value), what);
}

function shapeOf(options: Options) {
  const version = parse.oneOf(options.compat, ["2", "3"], "--compat");
  return {
    format: formatOf(options) ?? "qcow2",
    version: version === undefined ? undefined : (Number(version) as 2 | 3),
    clusterBytes: size(options.clusterSize, "--cluster-size"),
    refcountBits: parse.integer(options.refcountBits, "--refcount-bits", 1),
  } as const;
}

export async function create({ args, options, out }: CommandContext): Promise<number> {
  const [path, bytes] = args as [string, string | undefined];
  const backing = parse.text(options.backing);
  const format = parse.oneOf(options.backingFormat, DISK_FORMATS, "--backing-format");
  if (backing !== undefined && format === undefined)
    throw new WasmvisorError("WV_CONFIG", "--backing: say what it is: --backing-format raw|qcow2");
  const made = createDisk({
    path,
    ...shapeOf(options),
    bytes: size(bytes, "SIZE"),
    backing: backing !== undefined && format ? { path: resolve(backing), format } : undefined,
  });
  out.result({ path, ...made }, () => `${path}: a disk of ${formatSize(made.bytes, 1)}`);
  return EXIT_DONE;
}

export async function pull({ args, options, out }: CommandContext): Promise<number> {
  const [path, from] = args as [string, string];
  const blocks = await pullDisk({
    path,
    from,
    format: formatOf(options) ?? "raw",
    fromFormat: parse.oneOf(options.from, DISK_FORMATS, "--from"),
    onProgress: (left) => out.progress(`${path}: ${formatSize(left * MOVING_BLOCK_BYTES, 1)} left`),
  });
  out.progressDone();
  out.result({ path, blocks }, () => `${path}: ${blocks} blocks came, it is whole`);
  return EXIT_DONE;
}

export async function info({ args, options, out }: CommandContext): Promise<number> {
  const found = diskInfo(args[0] as string, formatOf(options));
  out.result(found, () => describe(found).join("\n"));
  return EXIT_DONE;
}

function describe(found: DiskInfo): string[] {
  const lines = [
    `${found.path}: ${found.format}, a disk of ${formatSize(found.bytes, 1)} in ${formatSize(found.fileBytes, 1)}`,
  ];
  if (found.version !== undefined)
    lines.push(
      `version ${found.version}, clusters of ${found.clusterBytes} bytes, refcounts of ${found.refcountBits} bits, ${found.compression}`,
    );
  if (found.isDirty) lines.push("marked as dirty: its refcounts may be out of date");
  if (found.isCorrupt) lines.push("marked as corrupt");
  if (found.backing)
    lines.push(`based on ${found.backing.name} (${found.backing.format ?? "of no said format"})`);
  for (const { bytes, id, name } of found.snapshots ?? [])
    lines.push(`snapshot ${id} "${name}", ${formatSize(bytes, 1)}`);
  return lines;
}

export async function check({ args, out }: CommandContext): Promise<number> {
  const path = args[0] as string;
  const found = checkDisk(path);
  out.result({ path, ...found }, () => {
    const verdict =
      found.corruptions > 0
        ? `${found.corruptions} corruptions and ${found.leaks} leaked clusters`
        : found.leaks > 0
          ? `${found.leaks} leaked clusters: room that is lost, nothing else`
          : "in order";
    return [`${path}: ${verdict}; ${found.usedClusters} clusters in use`, ...found.findings].join(
      "\n",
    );
  });
  return found.corruptions > 0 || found.leaks > 0 ? EXIT_FAILED : EXIT_DONE;
}

export async function convert({ args, options, out }: CommandContext): Promise<number> {
  const [from, to] = args as [string, string];
  const format = parse.oneOf(options.from, DISK_FORMATS, "--from");
  const snapshot = parse.text(options.snapshot);
  const source =
    snapshot === undefined
      ? await openPath({ path: from, format, readOnly: true })
      : openDisk({ path: from, format: "qcow2", readOnly: true, snapshot });
  try {
    await convertDisk(source, { path: to, ...shapeOf(options) }, (bytes) =>
      out.progress(`disk convert: ${formatSize(bytes, 1)} of ${formatSize(source.bytes, 1)}`),
    );
  } finally {
    await source.close?.();
    out.progressDone();
  }
  out.result({ path: to, bytes: source.bytes }, () => `${to}: ${formatSize(source.bytes, 1)}`);
  return EXIT_DONE;
}

export async function serve({ args, options, out }: CommandContext): Promise<number> {
  const path = args[0] as string;
  const address = parseAddress(parse.text(options.listen) ?? "tcp://127.0.0.1:10809", "--listen");
  checkPlain(address, "--listen");
  const readOnly = options.ro === true;
  if (isNbdUrl(path)) throw new WasmvisorError("WV_CONFIG", "disk serve: expected a file");
  const disk = await openPath({ path, format: formatOf(options), readOnly });
  const name = parse.text(options.name) ?? basename(path);
  const server = await NbdServer.listen({
    exports: [{ name, disk, readOnly }],
    host: address.host,
    port: address.port,
    tls: address.scheme === "tls" ? loadCredentials(tlsFolder(options)) : undefined,
    log: (line) => out.log(`wasmvisor: ${line}`),
  });
  const scheme = address.scheme === "tls" ? "nbds" : "nbd";
  const url = `${scheme}://${address.host}:${server.port}/${encodeURIComponent(name)}`;
  out.event({ event: "listening", url, bytes: disk.bytes });
  out.log(`wasmvisor: ${path} at ${url}, ${formatSize(disk.bytes, 1)}`);
  const signal = await new Promise<string>((done) => {
    process.once("SIGINT", done);
    process.once("SIGTERM", done);
  });
  await server.close();
  if (!readOnly) await disk.flush();
  await disk.close?.();
  return signal === "SIGINT" ? EXIT_INTERRUPTED : EXIT_DONE;
}
