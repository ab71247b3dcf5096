/** `wasmvisor switch ...` and `wasmvisor flows ...`. */
import type { LinkInfo } from "../../host/networks/host-networks.ts";
import type { FlowInfo, SwitchInfo } from "../../host/networks/switch-control.ts";
import type { TetherInfo } from "../../host/networks/tethers.ts";
import type { DhcpMetrics } from "../../net/user/dhcp-server.ts";
import { hostClient } from "../client.ts";
import type { CommandContext } from "../context.ts";
import { EXIT_DONE } from "../exit.ts";
import * as parse from "../options.ts";
import { columns } from "../output.ts";

function describe(its: SwitchInfo): string {
  const rules = its.hasFlows ? `flows, datapath ${its.datapath}` : "learning";
  const head = `${its.name}: ${rules}, ${its.knownMacs} stations, ${its.loops} loops`;
  const rows = its.ports.map((port) => [
    String(port.number),
    port.name,
    port.isShut ? "shut" : port.vlans,
    port.mac ?? "any",
    String(port.inFrames),
    String(port.outFrames),
    String(port.refusedFrames + port.stormFrames),
    String(port.lostFrames),
  ]);
  return [
    head,
    columns(["port", "name", "vlans", "mac", "in", "out", "refused", "lost"], rows),
    ...its.links.map(describeLink),
    ...(its.tunnel ? [describeTunnel(its.tunnel)] : []),
    ...(its.dhcp ? [describeDhcp(its.dhcp)] : []),
  ].join("\n");
}

function describeLink(link: LinkInfo): string {
  const { droppedFrames, longFrames, receivedFrames, refusedFrames, sentFrames, vpn } = link;
  const lost = `${refusedFrames} refused, ${droppedFrames} dropped, ${longFrames} too long`;
  const inside = vpn
    ? `; in a VPN of ${vpn.peers.length} peers, ${vpn.refusedMessages + vpn.refusedPackets} refused, ` +
      `${vpn.unroutedPackets} to nobody`
    : "";
  return `VXLAN at UDP port ${link.localPort}: ${receivedFrames} in, ${sentFrames} out, ${lost}${inside}`;
}

function describeDhcp({ exhausted, leases, limited, refused }: DhcpMetrics): string {
  return `DHCP: ${leases} leases, ${refused} refused, ${limited} beyond a port's share, ${exhausted} with none left`;
}

function describeTunnel({ away, connections, tunnel }: TetherInfo): string {
  const { droppedPackets, receivedPackets, refusedPackets, sentPackets } = tunnel;
  return (
    `tunnel: ${away} guests away, ${connections} connections; ${receivedPackets} in, ${sentPackets} out, ` +
    `${refusedPackets} refused, ${droppedPackets} dropped`
  );
}

export async function list({ options, out }: CommandContext): Promise<number> {
  const all = await hostClient(options).switches();
  out.result(all, () => (all.length === 0 ? "no switch yet" : all.map(describe).join("\n\n")));
  return EXIT_DONE;
}

export async function line({ args, options, out }: CommandContext): Promise<number> {
  const [name = "", port = ""] = args;
  const words = ["direction", "loss", "latency", "jitter", "rate"] as const;
  const change = Object.fromEntries(words.map((word) => [word, parse.text(options[word])]));
  await hostClient(options).ofSwitch(name, "lines", { port, ...change });
  const { direction, ...worse } = change;
  const isGood = Object.values(worse).every((value) => value === undefined);
  out.result(
    { switch: name, port, ...change },
    () => `${name} ${port}: ${isGood ? "a good line" : "a worse line"} (${direction})`,
  );
  return EXIT_DONE;
}

export async function mirror({ args, options, out }: CommandContext): Promise<number> {
  const [name = "", to = "", of] = args;
  const isOff = options.off === true;
  const body = isOff ? { to } : { to, of };
  await hostClient(options).ofSwitch(name, isOff ? "mirrors-delete" : "mirrors", body);
  const what = isOff ? "no mirror any more" : `a mirror of ${of ?? "all ports"}`;
  out.result({ switch: name, to, of, isMirror: !isOff }, () => `${name} ${to}: ${what}`);
  return EXIT_DONE;
}

export async function listFlows({ args, options, out }: CommandContext): Promise<number> {
  const flows = await hostClient(options).flows(String(args[0]));
  out.result({ flows }, () => (flows === null ? "no rules: it learns" : table(flows)));
  return EXIT_DONE;
}

function table(flows: readonly FlowInfo[]): string {
  const rows = flows.map((one) => [
    String(one.table),
    String(one.priority),
    one.match || "any",
    one.actions,
    String(one.frames),
    String(one.bytes),
    `${Math.floor(one.ageMs / 1000)}s`,
  ]);
  return columns(["table", "priority", "match", "actions", "frames", "bytes", "age"], rows);
}

export async function addFlow({ args, options, out }: CommandContext): Promise<number> {
  const [name = "", flow = ""] = args;
  const { flows } = await hostClient(options).ofSwitch<{ flows: FlowInfo[] }>(name, "flows", {
    flow,
  });
  out.result({ flows }, () => `${name}: ${flows.length} rules`);
  return EXIT_DONE;
}

export async function deleteFlows({ args, options, out }: CommandContext): Promise<number> {
  const [name = "", flow] = args;
  const body = { flow };
  const { deleted } = await hostClient(options).ofSwitch<{ deleted: number }>(
    name,
    "flows-delete",
    body,
  );
  out.result({ deleted }, () => `${name}: ${deleted} rules deleted`);
  return EXIT_DONE;
}
