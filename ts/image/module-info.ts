/**
 * What a kernel module says about itself in its `.modinfo` section (NUL-separated `key=value`),
 * and the order in which a set of modules must be inserted.
 */
import { WasmvisorError } from "../base/errors.ts";
import { badElf, readElfObject } from "./elf-object.ts";

export interface ModuleInfo {
  readonly name: string;
  /** Modules that must be there first, named with `_` where a file name may have `-`. */
  readonly depends: readonly string[];
  /** `crypto-crc32c` in "softdep=pre: crypto-crc32c": wanted first, loaded on demand if missing. */
  readonly softDepends: readonly string[];
  readonly vermagic: string;
}

/** Reads a module's own description. Throws `WV_BAD_ELF` when there is none. */
export function readModuleInfo(module: Uint8Array): ModuleInfo {
  const section = readElfObject(module).sections.find(({ name }) => name === ".modinfo");
  if (!section) throw badElf("there is no .modinfo section");
  const fields = new Map<string, string[]>();
  for (const field of Buffer.from(section.data).toString("latin1").split("\0")) {
    const split = field.indexOf("=");
    if (split <= 0) continue;
    const key = field.slice(0, split);
    fields.set(key, [...(fields.get(key) ?? []), field.slice(split + 1)]);
  }
  const words = (text: string): string[] => text.split(/[\s,]+/).filter((word) => word !== "");
  const preSoft = (fields.get("softdep") ?? []).flatMap((text) =>
    words(/pre:\s*(.*?)(?:post:|$)/.exec(text)?.[1] ?? ""),
  );
  return {
    name: moduleName(fields.get("name")?.[0] ?? ""),
    depends: words(fields.get("depends")?.[0] ?? "").map(moduleName),
    softDepends: preSoft,
    vermagic: fields.get("vermagic")?.[0] ?? "",
  };
}

/** The kernel treats `-` and `_` in module names alike; we say `_`. */
export function moduleName(name: string): string {
  return name.replaceAll("-", "_");
}

/**
 * `wanted` with everything they depend on, each after its dependencies, otherwise in the order
 * asked for. `dependsOf` answers for one module.
 *
 * Throws `WV_BAD_IMAGE` when modules depend on each other in a circle.
 */
export async function insertionOrder(
  wanted: readonly string[],
  dependsOf: (name: string) => Promise<readonly string[]>,
): Promise<string[]> {
  const order: string[] = [];
  const open = new Set<string>();
  const visit = async (name: string): Promise<void> => {
    if (order.includes(name)) return;
    if (open.has(name)) {
      throw new WasmvisorError("WV_BAD_IMAGE", `kernel modules: "${name}" depends on itself`);
    }
    open.add(name);
    for (const needed of await dependsOf(name)) await visit(needed);
    open.delete(name);
    order.push(name);
  };
  for (const name of wanted) await visit(name);
  return order;
}
