/** What clients may ask for, checked field by field before anything believes it. */
import { WasmvisorError } from "../../base/errors.ts";
import type { DiskFormat } from "../../storage/disk-format.ts";
import type { RestoreOptions } from "../api.ts";
import type { MigrationChanges } from "../migrations/changes.ts";
import type { ForwardOptions, NetworkOptions } from "../networks/nic-config.ts";
import type { CreateVmOptions, DiskSource, ShareSource } from "../vm-config.ts";

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

/** Text that a host reads, or a number of bytes a second, or nanoseconds. */
const optionalQuantity = (body: Body, name: string): number | string | undefined =>
  typeof body[name] === "number" ? optionalNumber(body, name) : optionalText(body, name);

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

const SHARE_KEYS = ["path", "tag", "readOnly"];

function shares(body: Body): ShareSource[] | undefined {
  const value = body["shares"];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) return fail("shares", "a list", value);
  return value.map((one: unknown, i) => {
    if (typeof one !== "object" || one === null) return fail(`shares[${i}]`, "an object", one);
    const share = one as Body;
    checkKeys(share, SHARE_KEYS);
    const readOnly = share["readOnly"] === true;
    return { path: text(share, "path"), tag: text(share, "tag"), readOnly };
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

const NETWORK_TEXTS = ["kind", "switch", "mac"];
const LINE_KEYS = ["loss", "latency", "jitter", "rate"] as const;
const FORWARD_KEYS = ["protocol", "hostAddress", "hostPort", "guestPort"];

function networks(body: Body): NetworkOptions[] | undefined {
  return objects(body, "networks")?.map((nic) => {
    checkKeys(nic, [...NETWORK_TEXTS, ...LINE_KEYS, "mtu", "vlan", "forwards"]);
    const vlan = nic["vlan"] === "trunk" ? "trunk" : optionalNumber(nic, "vlan");
    return {
      kind: text(nic, "kind") as NetworkOptions["kind"],
      switch: optionalText(nic, "switch"),
      mac: optionalText(nic, "mac"),
      mtu: optionalNumber(nic, "mtu"),
      vlan,
      ...Object.fromEntries(LINE_KEYS.map((key) => [key, optionalQuantity(nic, key)])),
      forwards: objects(nic, "forwards")?.map(forward),
    };
  });
}

function forward(body: Body): ForwardOptions {
  checkKeys(body, FORWARD_KEYS);
  return {
    protocol: optionalText(body, "protocol") as ForwardOptions["protocol"],
    hostAddress: optionalText(body, "hostAddress"),
    hostPort: optionalNumber(body, "hostPort") ?? fail("hostPort", "a number", undefined),
    guestPort: optionalNumber(body, "guestPort") ?? fail("guestPort", "a number", undefined),
  };
}

/** A list of objects. */
function objects(body: Body, name: string): Body[] | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) return fail(name, "a list", value);
  return value.map((one: unknown, i) =>
    typeof one === "object" && one !== null
      ? (one as Body)
      : fail(`${name}[${i}]`, "an object", one),
  );
}

/** Options of `Host.createVm`; the host checks their ranges. */
export function createOptions(body: Body): CreateVmOptions {
  checkKeys(body, [...TEXTS, ...NUMBERS, "disks", "networks", "shares"]);
  const texts = TEXTS.map((name) => [name, optionalText(body, name)] as const);
  const numbers = NUMBERS.map((name) => [name, optionalNumber(body, name)] as const);
  const given = [...texts, ...numbers].filter(([, value]) => value !== undefined);
  const devices = { disks: disks(body), networks: networks(body), shares: shares(body) };
  return { ...(Object.fromEntries(given) as CreateVmOptions), ...devices };
}

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
