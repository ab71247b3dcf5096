/** `wasmvisor host`: the daemon of one host; and the certificates and tokens that it wants to see. */
import { hostname } from "node:os";
import { resolve } from "node:path";
import { WasmvisorError } from "../../base/errors.ts";
import { formatSize } from "../../base/units.ts";
import { DEFAULT_ADDRESS } from "../../host/address.ts";
import { Daemon } from "../../host/daemon/server.ts";
import { Host } from "../../host/host.ts";
import { MTU_MAX } from "../../machine/nic.ts";
import { tlsFolder } from "../client.ts";
import type { CommandContext } from "../context.ts";
import { EXIT_DONE, EXIT_INTERRUPTED } from "../exit.ts";
import * as parse from "../options.ts";
import { dnsUpdateOf, tunnelOf } from "../tunnel-option.ts";
import { udpAddress, vpnOf } from "../vpn-option.ts";

const CERTIFICATE_DAYS = 365;
const VXLAN_PORT = 4789;
const PATH_MTU_MIN = 776; // Guests have 576 left inside of all tunnels.

export async function host(context: CommandContext): Promise<number> {
  const { options } = context;
  if (options.initCa !== undefined) return initCa(context);
  if (options.newToken !== undefined) return newToken(context);
  return serve(context);
}

async function serve({ options, out }: CommandContext): Promise<number> {
  const listen = parse.text(options.listen) ?? DEFAULT_ADDRESS;
  const its = await Host.create({
    memory: parse.text(options.memory),
    seed: parse.integer(options.seed, "--seed"),
    shareMap: shareMapOf(options),
    migrations: {
      outgoing: parse.integer(options.maxOutgoing, "--max-outgoing", 1),
      incoming: parse.integer(options.maxIncoming, "--max-incoming", 1),
      bandwidth: parse.text(options.bandwidth),
      diskDirectory: diskDirectory(options),
    },
  });
  await openTunnel(its, options);
  await joinLan(its, options);
  await tellOfArrivals(its, options, (line) => out.log(`wasmvisor: ${line}`));
  const openflow = await openFlow(its, options);
  const daemon = await Daemon.listen(its, {
    listen,
    tls: tlsFolder(options),
    peers: options.peer as readonly string[] | undefined,
    tokens: parse.text(options.tokens),
    sourceTimeout: parse.text(options.sourceTimeout),
    // Loaded when somebody asks.
    advisor: async (question) => (await import("../../sweep/advisor.ts")).adviseRunning(question),
    log: (line) => out.log(`wasmvisor: ${line}`),
  });
  await removeImagesLeft(its, (line) => out.log(`wasmvisor: ${line}`));
  const { address } = daemon;
  out.event({ event: "listening", address, freeBytes: its.freeBytes, openflow });
  for (const place of openflow) out.log(`wasmvisor: OpenFlow at ${place}`);
  out.log(`wasmvisor: host at ${address}, ${formatSize(its.freeBytes, 1)} for guests`);
  const signal = await new Promise<string>((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
  await daemon.close();
  return signal === "SIGINT" ? EXIT_INTERRUPTED : EXIT_DONE;
}

function diskDirectory({ diskDirectory: given }: CommandContext["options"]): string | undefined {
  const directory = parse.text(given);
  return directory === undefined ? undefined : resolve(directory);
}

/** `THEIRS=OURS`, once for each directory. */
function shareMapOf({ shareMap }: CommandContext["options"]): Record<string, string> {
  const map: Record<string, string> = {};
  for (const one of (shareMap ?? []) as readonly string[]) {
    const [, theirs, ours] = /^(\/[^=]*)=(.+)$/s.exec(one) ?? [];
    if (theirs === undefined || ours === undefined || theirs in map)
      throw new WasmvisorError(
        "WV_CONFIG",
        `--share-map: expected DIR=DIR, an absolute path there, once, and where it is here, got "${one}"`,
      );
    map[theirs] = resolve(ours);
  }
  return map;
}

/** Of a daemon that was killed while disks came. */
async function removeImagesLeft(its: Host, log: (line: string) => void): Promise<void> {
  const { removeUnfinished } = await import("../../host/migrations/unfinished-images.ts");
  for (const image of removeUnfinished(its.jobs.diskDirectory))
    log(`${image} was never whole: nobody fills it any more, it is removed`);
}

/** Joins the lan of this host to that of others, if it is asked to. */
async function joinLan(its: Host, options: CommandContext["options"]): Promise<void> {
  const listen = parse.text(options.lanListen);
  const peers = (options.lanPeer ?? []) as readonly string[];
  const gateway = parse.oneOf(options.lanGateway, ["here", "peer"], "--lan-gateway");
  const vpn = vpnOf(options);
  if (listen === undefined && !vpn) {
    if (peers.length === 0 && gateway === undefined) return;
    throw new WasmvisorError(
      "WV_CONFIG",
      "--lan-peer and --lan-gateway go with --lan-listen or --vpn-key",
    );
  }
  await its.joinNetwork({
    listen: listen === undefined ? undefined : udpAddress(listen, "--lan-listen", VXLAN_PORT),
    vpn,
    peers: peers.map((peer) => udpAddress(peer, "--lan-peer", VXLAN_PORT)),
    gateway,
    pathMtu: pathMtuOf(options),
  });
}

async function openTunnel(its: Host, options: CommandContext["options"]): Promise<void> {
  const tunnel = tunnelOf(options);
  if (tunnel) await its.openTunnel({ ...tunnel, pathMtu: pathMtuOf(options) });
}

/** DNS servers and commands that want to know which guests are here. */
async function tellOfArrivals(
  its: Host,
  options: CommandContext["options"],
  log: (line: string) => void,
): Promise<void> {
  const servers = ((options.dnsUpdate ?? []) as readonly string[]).map(dnsUpdateOf);
  const hook = parse.text(options.onArrival);
  if (servers.length === 0 && hook === undefined) return;
  const [{ hookOf, tellArrivals }, { DnsUpdater }] = await Promise.all([
    import("../../host/networks/arrivals.ts"),
    import("../../host/networks/dns-updater.ts"),
  ]);
  for (const server of servers) {
    const updater = new DnsUpdater(server, its.clock);
    tellArrivals(its, (vm, address) => updater.update(vm, address), log);
  }
  if (hook !== undefined) tellArrivals(its, hookOf(resolve(hook)), log);
}

/** `[SWITCH=]PLACE`, of the lan unless it is named. */
function ofSwitch(text: string): readonly [name: string, place: string] {
  const [, name = "lan", place = ""] = /^(?:([\w.-]{1,32})=)?(.*)$/s.exec(text) ?? [];
  return [name, place];
}

/** Lets OpenFlow controllers at its switches; the result is where they may call. */
async function openFlow(its: Host, options: CommandContext["options"]): Promise<string[]> {
  const { control } = its.networks;
  const places: string[] = [];
  for (const one of (options.openflowListen ?? []) as readonly string[])
    places.push(await control.listenOpenFlow(...ofSwitch(one)));
  for (const one of (options.switchController ?? []) as readonly string[])
    await control.callController(...ofSwitch(one));
  return places;
}

function pathMtuOf(options: CommandContext["options"]): number | undefined {
  const mtu = parse.integer(options.pathMtu, "--path-mtu", PATH_MTU_MIN);
  if (mtu === undefined || mtu <= MTU_MAX) return mtu;
  throw new WasmvisorError("WV_CONFIG", `--path-mtu: expected ${PATH_MTU_MIN} to ${MTU_MAX}`);
}

/** Names of one host: `host2,10.0.0.2`. */
const namesOf = (text: string): string[] => text.split(",").map((name) => name.trim());

async function initCa({ options, out }: CommandContext): Promise<number> {
  const { initCa: make } = await import("../../host/tls/certificates.ts");
  const folder = resolve(String(options.initCa));
  const given = (options.for ?? [hostname()]) as readonly string[];
  const days = parse.integer(options.days, "--days", 1) ?? CERTIFICATE_DAYS;
  const { folders, isNew } = await make({ folder, days, hosts: given.map(namesOf) });
  out.result({ folder, isNew, hosts: folders }, () =>
    [
      `${folder}: ${isNew ? "a new CA; keep ca.key to yourself" : "the CA that was there"}`,
      ...folders.map(
        (one) => `${one}: for ${days} days; carry it to that machine and give it as --tls`,
      ),
    ].join("\n"),
  );
  return EXIT_DONE;
}

async function newToken({ options, out }: CommandContext): Promise<number> {
  const tokens = await import("../../host/tokens.ts");
  const file = resolve(String(options.newToken));
  const names = (options.for ?? ["anybody"]) as readonly string[];
  if (names.length !== 1)
    throw new WasmvisorError("WV_CONFIG", "--new-token: give --for once, one token at a time");
  const name = names[0] as string;
  const token = tokens.newToken(file, name, parse.integer(options.days, "--days", 1));
  out.result({ token, name, file }, () => token);
  return EXIT_DONE;
}
