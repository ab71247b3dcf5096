/** From a checked file to a data centre: groups become hosts and vms, names become numbers, vms are placed. */
import { Random } from "../base/random.ts";
import type { CentreFile, TraceVms } from "./centre-schema.ts";
import type { Centre, HostSpec, MigrationSettings, RackSpec, VmSpec, WriterSpec } from "./model.ts";
import { Network, type NetworkHost, type NetworkRack, type SiteLink } from "./network.ts";
import type { TracedVm } from "./traces/traced-vm.ts";

type VmGroup = CentreFile["vms"][number];
type Fail = (message: string, path?: readonly PropertyKey[]) => never;

const HOSTS_MAX = 100_000;
const none = Number.POSITIVE_INFINITY;

/** What vms of a trace were, by their place in the file's `vms`. */
export type TracedGroups = ReadonlyMap<number, readonly TracedVm[]>;

/** `fail` throws what is wrong with the file, at a path in it. */
export function buildCentre(file: CentreFile, traced: TracedGroups, fail: Fail): Centre {
  const sites = [...new Set(file.racks.map(({ site }) => site))];
  const fleet = hostsOf(file, fail);
  const racks: RackSpec[] = file.racks.map(({ name, site }) => ({
    name,
    site: sites.indexOf(site),
  }));
  const siteLinks = file.links.map((link, i): SiteLink => {
    const between = link.between.map((site) => sites.indexOf(site));
    if (between.includes(-1) || between[0] === between[1])
      fail(`expected two sites that racks are at: ${sites.join(", ")}`, ["links", i, "between"]);
    return { ...linkOf(link), name: link.name, sites: between as [number, number] };
  });
  const networkRacks = file.racks.map(
    ({ name, uplink }, r): NetworkRack => ({
      name,
      site: (racks[r] as RackSpec).site,
      uplink: linkOf(uplink),
      uplinks: uplink.count,
    }),
  );
  return {
    name: file.name,
    sites,
    racks,
    hosts: fleet.hosts,
    network: new Network(fleet.nics, networkRacks, siteLinks),
    vms: vmsOf(file, fleet.hosts, traced, fail),
    migration: migrationOf(file),
  };
}

function linkOf(link: { bandwidth: number; latency: number; migrations?: number | undefined }) {
  return {
    bytesPerSec: link.bandwidth,
    latencyNs: link.latency,
    migrationsMax: link.migrations ?? none,
  };
}

function hostsOf(file: CentreFile, fail: Fail) {
  const hosts: HostSpec[] = [];
  const nics: NetworkHost[] = [];
  const names = new Set<string>(file.racks.map(({ name }) => name));
  if (names.size < file.racks.length) fail("two racks have the same name", ["racks"]);
  file.racks.forEach((rack, r) => {
    rack.hosts.forEach((group, g) => {
      for (let i = 0; i < group.count; i++) {
        const name = `${group.name ?? rack.name}-${i}`;
        if (names.has(name))
          fail(`there are two of ${name}; name the group`, ["racks", r, "hosts", g]);
        if (hosts.length >= HOSTS_MAX)
          fail(`more than ${HOSTS_MAX} hosts`, ["racks", r, "hosts", g]);
        names.add(name);
        const { cpus, memory, migrations, power } = group;
        hosts.push({
          name,
          rack: r,
          cpus,
          memoryBytes: memory,
          power: {
            watts: "watts" in power ? power.watts : [power.idle, power.max],
            offWatts: power.off,
          },
          outgoingMax: migrations.outgoing ?? none,
          incomingMax: migrations.incoming ?? none,
        });
        nics.push({ name, rack: r, nic: linkOf(group.nic) });
      }
    });
  });
  return { hosts, nics };
}

function migrationOf({ migration: m }: CentreFile): MigrationSettings {
  return {
    strategy: m.strategy,
    policy: m.policy,
    slowdown: m.slowdown,
    downtimeLimitNs: m.downtimeLimit,
    bandwidthCapBytesPerSec: m.bandwidthCap,
    dirtyLimitPagesPerSec: m.dirtyLimit,
    roundsMax: m.roundsMax,
    preCopyRounds: m.preCopyRounds,
    xbzrleCacheBytes: m.xbzrleCache,
    xbzrleFrom: "first-pass",
    backgroundPages: m.backgroundPages,
    timeoutNs: m.timeout,
    onLimit: m.onLimit,
    setupNs: m.setup,
    wire: { normalPageBytes: 4104, zeroPageBytes: 9, deltaPageBytes: 88 },
    cpusPerGigabytePerSec: m.cpusPerGigabyte,
  };
}

/** The vms of all groups, each on the first (`pack`) or the emptiest (`spread`) host that has room. */
function vmsOf(
  file: CentreFile,
  hosts: readonly HostSpec[],
  traced: TracedGroups,
  fail: Fail,
): VmSpec[] {
  const freeBytes = hosts.map(({ memoryBytes }) => memoryBytes);
  const groups = new Map<string, number[]>();
  const vms: VmSpec[] = [];
  const names = new Set<string>();
  for (const [g, group] of file.vms.entries()) {
    const allowed = allowedHosts(group, file, hosts, () =>
      fail("is neither a rack nor a host", ["vms", g, "on"]),
    );
    const wanted =
      "trace" in group ? tracedVms(group, traced.get(g) ?? [], file.seed) : plainVms(group);
    for (const vm of wanted) {
      if (names.has(vm.name)) fail(`there are two vms of the name ${vm.name}`, ["vms", g, "name"]);
      names.add(vm.name);
      const host = firstPlace(vm, allowed, { freeBytes, groups, isPacked: group.place === "pack" });
      if (host === undefined)
        return fail(`no host has room for ${vm.name}: add hosts or memory, or take fewer vms`, [
          "vms",
          g,
        ]);
      freeBytes[host] = (freeBytes[host] as number) - vm.memoryBytes;
      for (const key of [`+${vm.affinity}`, `-${vm.antiAffinity}`]) {
        if (key.length > 1) groups.set(key, [...(groups.get(key) ?? []), host]);
      }
      vms.push({ ...vm, host });
    }
  }
  return vms;
}

interface Room {
  readonly freeBytes: readonly number[];
  readonly groups: ReadonlyMap<string, readonly number[]>;
  readonly isPacked: boolean;
}

function firstPlace(
  vm: Omit<VmSpec, "host">,
  allowed: readonly number[],
  room: Room,
): number | undefined {
  const { freeBytes, groups, isPacked } = room;
  const near = vm.affinity ? groups.get(`+${vm.affinity}`) : undefined;
  const far = vm.antiAffinity ? groups.get(`-${vm.antiAffinity}`) : undefined;
  let found: number | undefined;
  for (const host of allowed) {
    const free = freeBytes[host] as number;
    if (free < vm.memoryBytes || far?.includes(host) || (near && !near.includes(host))) continue;
    if (isPacked) return host;
    if (found === undefined || free > (freeBytes[found] as number)) found = host;
  }
  return found;
}

function allowedHosts(
  group: VmGroup,
  file: CentreFile,
  hosts: readonly HostSpec[],
  fail: () => never,
): number[] {
  const all = hosts.map((_, h) => h);
  if (!group.on) return all;
  const chosen = new Set<number>();
  for (const one of group.on) {
    const rack = file.racks.findIndex(({ name }) => name === one);
    const found = all.filter((h) => hosts[h]?.rack === rack || hosts[h]?.name === one);
    if (found.length === 0) fail();
    for (const host of found) chosen.add(host);
  }
  return [...chosen];
}

type UnplacedVm = Omit<VmSpec, "host">;

function writerOf(writer: VmGroup["writer"], memoryBytes: number, dirtyRate: number): WriterSpec {
  return {
    dirtyRate,
    distribution: writer.distribution,
    workingSetBytes: Math.max(4096, Math.round(memoryBytes * writer.workingSet)),
    workingSetOffsetBytes: 0,
    phases: [],
  };
}

function* plainVms(group: Exclude<VmGroup, TraceVms>): Generator<UnplacedVm> {
  const { affinity, antiAffinity, count, cpus, memory, writer } = group;
  const demand = (group.demand ?? [{ at: 0, cpus: cpus / 2 }]).map(({ at, cpus: some }) => ({
    atNs: at,
    cpus: some,
  }));
  for (let i = 0; i < count; i++)
    yield {
      name: count > 1 ? `${group.name}-${i}` : group.name,
      memoryBytes: memory,
      usedBytes: Math.round(memory * writer.used),
      cpus,
      demand,
      writer: writerOf(writer, memory, writer.dirtyRate),
      affinity: affinity ?? "",
      antiAffinity: antiAffinity ?? "",
    };
}

/** Vms of a trace have the size and the demand that it says, and a dirty rate that is drawn. */
function* tracedVms(
  group: TraceVms,
  traced: readonly TracedVm[],
  seed: number,
): Generator<UnplacedVm> {
  const random = new Random(seed).split(`dirty rates of ${group.name}`);
  const { median, sigma } = group.dirtyRate;
  for (const [i, vm] of traced.entries()) {
    const memoryBytes = Math.max(4096, Math.round((vm.memoryBytes || group.memory) / 4096) * 4096);
    const dirtyRate = median * Math.exp(sigma * normal(random));
    yield {
      name: `${group.name}-${i}`,
      memoryBytes,
      usedBytes: Math.round(memoryBytes * group.writer.used),
      cpus: vm.cpus || group.cpus,
      demand: vm.demand,
      writer: writerOf(group.writer, memoryBytes, dirtyRate),
      affinity: "",
      antiAffinity: "",
    };
  }
}

/** Box and Muller. */
function normal(random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.float()));
  return radius * Math.cos(2 * Math.PI * random.float());
}
