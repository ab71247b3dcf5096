/** Commands that are about migrations. */
import type { AddCommand } from "./context.ts";
import { several } from "./tree-guest.ts";
import { onHost } from "./tree-host.ts";

const DETAILS = `
Strategies: pre-copy, post-copy, hybrid[:rounds=1], stop-and-copy; auto: the host watches the guest and measures
the link for a moment, and takes what keeps to --downtime at the least cost.
Policies, when pre-copy stops: settle[:stall=60], qemu, xen[:rounds=5,pages=50], xen-2005, cloud-hypervisor,
kubevirt[:ramp=150], lxd[:rounds=10,goal=0.7], p-haul[:rounds=8,pages=64,growth=1.1],
dirty-to-sent[:ratio=0.5], round-limit:rounds=N. Slowdowns, how the guest is held back from dirtying memory: auto-converge,
stun, dirty-limit:rate=8MiB/s[,per=vcpu]. Compressions: xbzrle[:cache=64MiB], identical (pages, by hash),
deflate[:level=1].`;

/** Moving vms, and orders to those that move. */
export function addMigrateCommands(add: AddCommand): void {
  addMigrate(add);
  const listing = () => import("./commands/migrations.ts");
  onHost(
    add("migrations", "what migrates from a host, what waits for that, and what is paused", () =>
      listing().then((m) => m.migrations),
    ),
  );
  onHost(
    add("migrate-cancel <name>", "end a migration, also one that waits; the guest stays", () =>
      listing().then((m) => m.cancel),
    ),
  );
  onHost(
    add("migrate-postcopy <name>", "let it go now; what was not sent yet follows", () =>
      listing().then((m) => m.startPostCopy),
    ),
  );
  onHost(
    add("migrate-set <name>", "change limits of a migration under way", () =>
      listing().then((m) => m.set),
    ),
  )
    .option("--bandwidth <rate>", "cap of the rate from now on, or none (as it was)")
    .option(
      "--downtime <time>",
      "pre-copy stops the guest when the rest takes this long (as it was)",
    );
  onHost(
    add("migrate-pause <name>", "break a post-copy off whose pages still follow", () =>
      listing().then((m) => m.pausePostCopy),
    ),
  );
  onHost(
    add("migrate-recover <name>", "go on with a post-copy that is paused", () =>
      import("./commands/migrate.ts").then((m) => m.recover),
    ),
  ).option("--target-token <token>", "what the target wants to see (WASMVISOR_TARGET_TOKEN)");
}

function addMigrate(add: AddCommand): void {
  const load = () => import("./commands/migrate.ts").then((m) => m.migrate);
  onHost(add("migrate <name-and-target...>", "move running vms to the host at TARGET", load))
    .usage("[options] <name...> <target>")
    .option("--strategy <name>", "how; see below", "pre-copy")
    .option("--live", "insist that the guest goes on while it moves")
    .option("--bandwidth <rate>", "cap of the rate, e.g. 1Gbit")
    .option("--policy <name[:key=value,...]>", "when pre-copy stops; see below (settle)")
    .option("--downtime <time>", "pre-copy stops the guest when the rest takes this long (300ms)")
    .option("--rounds <n>", "so many rounds at most")
    .option("--timeout <time>", "so long at most")
    .option(
      "--on-limit <what>",
      "what then happens to the guest: stop it, or fail: it stays (stop)",
    )
    .option("--slowdown <name[:key=value]>", "hold the guest back meanwhile; see below (none)")
    .option("--compress <how[:key=value]>", "send less; see below (repeatable)", several)
    .option("--copy-disks [how]", "copy its disks along: pre-copy, on-demand, or stop (pre-copy)")
    .option("--channels <n>", "connections for its pages, 1 to 16; post-copy uses two (1)")
    .option("--verify <what>", "checksums of frames, of pages, or of memory, too (pages)")
    .option(
      "--checkpoint <time>",
      "post-copy: the target sends back what the guest is this often (never)",
    )
    .option("--on-target-lost <what>", "then hold the guest here, or roll-back: let it run (hold)")
    .option("--recovery-timeout <time>", "post-copy: seek another channel this long (60s)")
    .option("--parallel <n>", "so many of them at a time, if the host lets them (all)")
    .option("--priority <n>", "before those of lower priority, where migrations wait (0)")
    .option("--target-token <token>", "what the target wants to see (WASMVISOR_TARGET_TOKEN)")
    .addHelpText("after", DETAILS);
}
