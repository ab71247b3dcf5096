import type { TaggedShare } from "../machine/file-share.ts";
import type { ShareConfig } from "./vm-config.ts";

/** Opens shared directories, each with a client of its own. Throws `WV_SHARE`. */
export async function openShares(shares: readonly ShareConfig[]): Promise<TaggedShare[]> {
  if (shares.length === 0) return [];
  const { HostDirectory } = await import("../storage/9p/host-directory.ts");
  const { ShareSession } = await import("../storage/9p/session.ts");
  return shares.map(({ path, readOnly, tag }) => ({
    tag,
    share: new ShareSession(new HostDirectory({ path, readOnly })),
  }));
}
