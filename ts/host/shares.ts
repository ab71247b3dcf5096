/** Directories of a host that guests mount, and what a guest that moves needs of them. */
import { WasmvisorError } from "../base/errors.ts";
import type { TaggedShare } from "../machine/file-share.ts";
import type { ShareConfig, VmConfig } from "./vm-config.ts";

/** Where directories of other hosts are here: theirs to ours, absolute. Below one of theirs is below one of ours. */
export type ShareMap = Readonly<Record<string, string>>;

/** Names that go along, so that a target without them refuses before anything moves. */
const SEEN_CHARS_MAX = 8192;

/**
 * Opens shared directories, each with a client of its own. Throws `WV_SHARE`. `arrives`: the guest is moved here and
 * goes on with its open files, so what is not as it left it is an error.
 */
export async function openShares(
  shares: readonly ShareConfig[],
  how: { readonly map?: ShareMap | undefined; readonly arrives?: boolean | undefined } = {},
): Promise<TaggedShare[]> {
  if (shares.length === 0) return [];
  const { HostDirectory } = await import("../storage/9p/host-directory.ts");
  const { ShareSession } = await import("../storage/9p/session.ts");
  const opened: TaggedShare[] = [];
  try {
    for (const { path, readOnly, seen = [], tag } of shares) {
      const here = mapped(path, how.map ?? {});
      const refuse = (what: string, cause?: unknown): never => {
        throw notHere({ here, path, tag, what, cause });
      };
      const tree = open(
        () => new HostDirectory({ path: here, readOnly }),
        how.arrives ? refuse : undefined,
      );
      const onStale = how.arrives
        ? (file: string, why: string): void => refuse(`"${file}" ${why}`)
        : undefined;
      const share = new ShareSession(tree, { onStale });
      opened.push({ tag, share });
      if (how.arrives) share.check(seen);
    }
  } catch (error) {
    closeShares(opened);
    throw error;
  }
  return opened;
}

export function closeShares(shares: readonly TaggedShare[]): void {
  for (const { share } of shares) share.close();
}

function open<T>(action: () => T, refuse?: (what: string, cause: unknown) => never): T {
  try {
    return action();
  } catch (error) {
    if (!refuse || !(error instanceof WasmvisorError)) throw error;
    return refuse(error.message, error);
  }
}

function notHere(about: {
  readonly here: string;
  readonly path: string;
  readonly tag: string;
  readonly what: string;
  readonly cause: unknown;
}): WasmvisorError {
  const { cause, here, path, tag, what } = about;
  return new WasmvisorError(
    "WV_SHARE",
    `the guest has mounted "${tag}", and in ${here} of this host ${what}; ` +
      `mount the same directory there, or say where it is: wasmvisor host --share-map ${path}=DIR`,
    { cause },
  );
}

/** Where `path` is here: the longest entry of the map that it is, or lies below. */
function mapped(path: string, map: ShareMap): string {
  const from = Object.keys(map)
    .filter((one) => path === one || path.startsWith(one.endsWith("/") ? one : `${one}/`))
    .sort((a, b) => b.length - a.length)[0];
  return from === undefined ? path : `${map[from]}${path.slice(from.length)}`;
}

/** Throws `WV_CONFIG` unless all are absolute paths. */
export function checkShareMap(map: ShareMap): ShareMap {
  for (const [from, to] of Object.entries(map)) {
    const isGood = [from, to].every((path) => path.startsWith("/") && !path.includes("\0"));
    if (isGood) continue;
    const got = `"${from}" and "${to}"`;
    throw new WasmvisorError("WV_CONFIG", `shareMap: expected absolute paths, got ${got}`);
  }
  return map;
}

/** A config that says what of its shares the guest holds. */
export function withSeen(config: VmConfig, shares: readonly TaggedShare[]): VmConfig {
  if (shares.length === 0) return config;
  const seenOf = (index: number): readonly string[] => {
    let chars = 0;
    const { paths } = shares[index]?.share.inUse() ?? { paths: [] };
    return paths.filter((path) => {
      chars += path.length;
      return chars <= SEEN_CHARS_MAX;
    });
  };
  return { ...config, shares: config.shares.map((one, i) => ({ ...one, seen: seenOf(i) })) };
}

/** Throws `WV_SHARE` if the guest has files open that no other host can find. */
export function checkMovable(name: string, shares: readonly TaggedShare[]): void {
  for (const { share, tag } of shares) {
    const { lost } = share.inUse();
    if (lost.length === 0) continue;
    const which = lost.slice(0, 3).map((path) => `"${path}"`);
    const more = lost.length > 3 ? ` and ${lost.length - 3} more` : "";
    throw new WasmvisorError(
      "WV_SHARE",
      `${name}: in "${tag}" it has ${which.join(", ")}${more} open, which was removed: ` +
        "no other host can find that; let the guest close it, then migrate again",
    );
  }
}
