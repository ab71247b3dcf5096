/** What clients may ask for, checked field by field before anything believes it. */
import { WasmvisorError } from "../../base/errors.ts";
import type { DiskFormat } from "../../storage/disk-format.ts";
import type { RestoreOptions } from "../api.ts";
import type { MigrationChanges } from "../migrations/changes.ts";
import type { CreateVmOptions, DiskSource } from "../vm-config.ts";

type Body = Readonly<Record<string, unknown>>;

const TEXT_CHARS_MAX = 16 << 10;

function fail(name: string, expected: string, value: unknown): never {
  const got = JSON.stringify(value)?.slice(0, 100);
  throw new WasmvisorError("WV_CONFIG", `${name}: expected ${expected}, got ${got}`);
}

/** Refuses fields that nobody knows: a typo must not be ignored. */
export function checkKeys(body: Body, allowed: readonly string[]): void {
  const wrong = Object.keys(body).find((key) => !allowed.includes(key));
  if (wrong !== undefined)
    throw new WasmvisorError("WV_CONFIG", `${wrong}: unknown; expected ${allowed.join(", ")}`);
}

export function optionalText(body: Body, name: string): string | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string" && value.length <= TEXT_CHARS_MAX && !value.includes("\0"))
    return value;
  return fail(name, "text", value);
}

export function text(body: Body, name: string): string {
  return optionalText(body, name) ?? fail(name, "text", body[name]);
}

function optionalNumber(body: Body, name: string): number | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  return typeof value === "number" && Number.isFinite(value)
    ? value
    : fail(name, "a number", value);
}

const DISK_KEYS = ["path", "format", "readOnly", "overlay"];

function disks(body: Body): DiskSource[] | undefined {
  const value = body["disks"];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) return fail("disks", "a list", value);
  return value.map((one: unknown, i) => {
    if (typeof one !== "object" || one === null) return fail(`disks[${i}]`, "an object", one);
    const disk = one as Body;
    checkKeys(disk, DISK_KEYS);
    return {
      path: text(disk, "path"),
      format: optionalText(disk, "format") as DiskFormat | undefined,
      readOnly: disk["readOnly"] === true,
      overlay: disk["overlay"] === true,
    };
  });
}

const TEXTS = [
  "name",
  "image",
  "kernel",
  "initrd",
  "bare",
  "dtb",
  "append",
  "memory",
  "clock",
  "console",
];
const NUMBERS = ["vcpus", "mips", "seed"];

/** Options of `Host.createVm`; the host checks their ranges. */
export function createOptions(body: Body): CreateVmOptions {
  checkKeys(body, [...TEXTS, ...NUMBERS, "disks"]);
  const texts = TEXTS.map((name) => [name, optionalText(body, name)] as const);
  const numbers = NUMBERS.map((name) => [name, optionalNumber(body, name)] as const);
  const given = [...texts, ...numbers].filter(([, value]) => value !== undefined);
  return { ...(Object.fromEntries(given) as CreateVmOptions), disks: disks(body) };
}

/** Text that a host reads, or a number of bytes a second, or nanoseconds. */
const optionalQuantity = (body: Body, name: string): number | string | undefined =>
  typeof body[name] === "number" ? optionalNumber(body, name) : optionalText(body, name);

/** Limits of a migration under way; the host checks their ranges. */
export function migrationChanges(body: Body): MigrationChanges {
  checkKeys(body, ["bandwidth", "downtime"]);
  return {
    bandwidth: optionalQuantity(body, "bandwidth"),
    downtime: optionalQuantity(body, "downtime"),
  };
}

/** Options of `Host.restore`, and the file. */
export function restoreOptions(body: Body): RestoreOptions & { readonly path: string } {
  checkKeys(body, ["path", "name", "pages"]);
  const pages = optionalText(body, "pages");
  if (pages !== undefined && pages !== "on-touch" && pages !== "at-once")
    return fail("pages", "on-touch or at-once", pages);
  return { path: text(body, "path"), name: optionalText(body, "name"), pages };
}
