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
