/**
 * What a stream may have beyond its version, by name: the source says in HELLO what it would like, the
 * target in ACCEPT what of that it takes. What is not taken is done without.
 */

/**
 * `channels`: pages come over several connections (JOIN, SYNC). `deflate`: they come packed so (PACKED). `seals`:
 * what their checksums guard is not summed once more (SEALED). `disks`: disks are copied along (BLOCKS).
 * `disks-on-demand`: they may follow their guest (LEFT_BLOCKS).
 */
export const FEATURES = ["channels", "deflate", "seals", "disks", "disks-on-demand"] as const;
export type Feature = (typeof FEATURES)[number];
