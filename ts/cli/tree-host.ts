/** Commands that are about a host and its vms. */
import type { Command } from "commander";
import type { AddCommand } from "./context.ts";
import { guestOptions, several } from "./tree-guest.ts";
import { DNS_UPDATE_FORM } from "./tunnel-option.ts";
import { VPN_PEER_FORM } from "./vpn-option.ts";

const ADDRESS = "tcp://127.0.0.1:7070";

/** The daemon, and one command for each thing that it does. */
export function addHostCommands(add: AddCommand): void {
  add("host", "the daemon of one host: vms that others create, control and migrate", () =>
    import("./commands/host.ts").then((m) => m.host),
  )
    .option("--listen <address>", "where to listen; tls://0.0.0.0:16509 for others", ADDRESS)
    .option("--memory <size>", "machine memory for all guests", "1GiB")
    .option("--seed <n>", "seed of all randomness that guests get")
    .option("--tls <dir>", "ca.crt, host.crt and host.key of this host (WASMVISOR_TLS)")
    .option("--peer <name>", "with TLS: only certificates for this name (repeatable)", several)
    .option("--tokens <file>", "whoever asks must show a token of this file")
    .option("--max-outgoing <n>", "migrations to others at a time; more wait (2)")
    .option("--max-incoming <n>", "migrations from others at a time (4)")
    .option(
      "--source-timeout <time>",
      "a guest whose pages follow is lost if its source is away for so long (10min)",
    )
    .option(
      "--disk-directory <dir>",
      "where images of disks go that come with vms (~/.local/share/wasmvisor/disks)",
    )
    .option(
      "--share-map <dir=dir>",
      "a directory that guests share, as others call it, and where it is here (repeatable)",
      several,
    )
    .option("--bandwidth <rate>", "cap of all outgoing migrations together, shared equally")
    .option("--lan-listen <address>", "join the lan to that of other hosts: where to listen (UDP)")
    .option("--lan-peer <address>", "where another host listens (repeatable)", several)
    .option("--lan-gateway <where>", "which host leads outside: here or peer (here)")
    .option("--vpn-key <file>", "join the lan inside of WireGuard: this host's private key")
    .option("--vpn-address <address>", "with --vpn-key: this host's address inside")
    .option("--vpn-listen <address>", "with --vpn-key: where to listen (0.0.0.0:51820)")
    .option(`--vpn-peer <peer>`, `another host (repeatable): ${VPN_PEER_FORM}`, several)
    .option(
      "--tunnel-listen <address>",
      "keep connections of guests that leave: where to listen (UDP)",
    )
    .option(
      "--tunnel-peer <address>",
      "a host that guests leave for or come from (repeatable)",
      several,
    )
    .option(
      `--dns-update <server>`,
      `name guests that come (repeatable): ${DNS_UPDATE_FORM}`,
      several,
    )
    .option("--on-arrival <file>", "run FILE VM ADDRESS for each guest that comes")
    .option("--path-mtu <n>", "longest packet on the way to other hosts (1500)")
    .option(
      "--openflow-listen <[switch=]place>",
      "let OpenFlow controllers call, at tcp:HOST:PORT or unix:PATH (lan unless named; repeatable)",
      several,
    )
    .option(
      "--switch-controller <[switch=]place>",
      "call an OpenFlow controller, which makes the switch's rules (repeatable)",
      several,
    )
    .option("--init-ca <dir>", "make a CA and certificates of hosts there, and end")
    .option("--new-token <file>", "add a token to a file, print it, and end")
    .option("--for <name[,name...]>", "whose certificate or token (repeatable)", several)
    .option("--days <n>", "how long it is valid (certificates: 365, tokens: for ever)");
  addCreate(add);
  addVmCommands(add);
  addMemory(add);
}

/** Adds how to reach the host. */
export function onHost(command: Command): Command {
  return command
    .option("--host <address>", `the host's daemon (WASMVISOR_HOST, or ${ADDRESS})`)
    .option("--tls <dir>", "certificates to show to a host at tls:// (WASMVISOR_TLS)")
    .option("--token <token>", "what a host with --tokens wants to see (WASMVISOR_TOKEN)");
}

function addCreate(add: AddCommand): void {
  const load = () => import("./commands/vms.ts").then((m) => m.create);
  const create = add("create <name>", "create a vm; `start` lets it run", load);
  guestOptions(onHost(create), "256MiB").option("--start", "start it, too");
}

function addMemory(add: AddCommand): void {
  onHost(
    add("memory", "what guests use of a host's memory, and what sharing saves", () =>
      import("./commands/memory.ts").then((m) => m.memory),
    ),
  ).option("--share-pages", "first let pages with equal contents share memory");
}

function addVmCommands(add: AddCommand): void {
  const load = () => import("./commands/vms.ts");
  onHost(add("ls", "the vms of a host", () => load().then((m) => m.list)));
  onHost(add("info <name>", "what a vm is and how it fares", () => load().then((m) => m.info)));
  onHost(add("start <name>", "let a created vm run", () => load().then((m) => m.start)));
  onHost(add("pause <name>", "stop a vm where it is", () => load().then((m) => m.pause)));
  onHost(add("resume <name>", "let a paused vm go on", () => load().then((m) => m.resume)));
  onHost(add("destroy <name>", "end a vm, whatever it does", () => load().then((m) => m.destroy)));
  onHost(
    add("console <name>", "its console on stdio (Ctrl-A X leaves)", () =>
      import("./commands/console.ts").then((m) => m.console),
    ),
  ).option("--wait", "if it is not there, until it comes");
  onHost(
    add("snapshot <name> <file>", "write the whole vm to a file on the host's machine", () =>
      load().then((m) => m.snapshot),
    ),
  );
  onHost(
    add("restore <file> [name]", "a vm from a snapshot file, paused", () =>
      load().then((m) => m.restore),
    ),
  ).option("--pages <when>", "read its pages on-touch or at-once", "on-touch");
  onHost(
    add("capture <name> <file>", "what passes a vm's cards, for tshark, until Ctrl-C", () =>
      import("./commands/capture.ts").then((m) => m.capture),
    ),
  )
    .option("--duration <time>", "end after that")
    .option("--max-size <size>", "of the file (64MiB)")
    .option("--snaplen <n>", "bytes of each frame that are kept (all)");
  onHost(
    add("fork <name> [child]", "a second vm that goes on from where this one is", () =>
      load().then((m) => m.fork),
    ),
  );
}

/** `vpn ...`. */
export function addVpnCommands(add: AddCommand): void {
  const load = () => import("./commands/vpn.ts");
  add("genkey <file>", "a new private key in a new file; prints its public key", () =>
    load().then((m) => m.genkey),
  );
  add("pubkey <file>", "the public key of a private one", () => load().then((m) => m.pubkey));
  add("genpsk <file>", "a new key for two hosts to share, in a new file", () =>
    load().then((m) => m.genpsk),
  );
}
