/**
 * Links between hosts. Every link is one direction: a network card has two, one out and one in.
 *
 *   host --nic--> rack --uplink k--> core --uplink k--> rack --nic--> host      in one site
 *   host --nic--> rack --uplink k--> site ==links of the WAN==> site --...      between sites
 *
 * A rack may have several uplinks, each to a spine of its own (a fat tree of two levels); which of them a flow
 * takes is decided by where it goes, as in d-mod-k routing.
 */
export interface Link {
  readonly name: string;
  readonly bytesPerSec: number;
  readonly latencyNs: number;
  /** Migrations over it at a time. */
  readonly migrationsMax: number;
}

export interface Route {
  readonly links: readonly number[];
  readonly latencyNs: number;
  /** What its narrowest link carries. */
  readonly bytesPerSec: number;
}

export interface NetworkHost {
  readonly name: string;
  readonly rack: number;
  readonly nic: Omit<Link, "name">;
}

export interface NetworkRack {
  readonly name: string;
  readonly site: number;
  readonly uplink: Omit<Link, "name">;
  readonly uplinks: number;
}

/** Both directions between two sites. */
export interface SiteLink extends Link {
  readonly sites: readonly [number, number];
}

export class Network {
  readonly links: Link[] = [];
  readonly #hosts: readonly NetworkHost[];
  readonly #racks: readonly NetworkRack[];
  /** First link of each host (out, in) and each rack (all up, all down). */
  readonly #hostLinks: number[] = [];
  readonly #rackLinks: number[] = [];
  /** Links from site a to site b. */
  readonly #between = new Map<string, readonly number[]>();
  readonly #routes = new Map<number, Route>();

  constructor(
    hosts: readonly NetworkHost[],
    racks: readonly NetworkRack[],
    siteLinks: readonly SiteLink[] = [],
  ) {
    this.#hosts = hosts;
    this.#racks = racks;
    for (const { name, nic } of hosts) {
      this.#hostLinks.push(this.links.length);
      for (const way of ["out", "in"]) this.links.push({ ...nic, name: `${name}/${way}` });
    }
    for (const { name, uplink, uplinks } of racks) {
      this.#rackLinks.push(this.links.length);
      for (const way of ["up", "down"])
        for (let k = 0; k < uplinks; k++)
          this.links.push({
            ...uplink,
            name: uplinks > 1 ? `${name}/${way}-${k}` : `${name}/${way}`,
          });
    }
    this.#join(siteLinks);
  }

  /** The links from host to host; undefined: their sites are not connected, or it is the same host. */
  route(source: number, target: number): Route | undefined {
    const key = source * this.#hosts.length + target;
    const known = this.#routes.get(key);
    if (known) return known;
    const links = this.#find(source, target);
    if (!links) return undefined;
    let latencyNs = 0;
    let bytesPerSec = Number.POSITIVE_INFINITY;
    for (const link of links) {
      latencyNs += (this.links[link] as Link).latencyNs;
      bytesPerSec = Math.min(bytesPerSec, (this.links[link] as Link).bytesPerSec);
    }
    const route = { links, latencyNs, bytesPerSec };
    this.#routes.set(key, route);
    return route;
  }

  nicBytesPerSec(host: number): number {
    return (this.#hosts[host] as NetworkHost).nic.bytesPerSec;
  }

  /** Of all links from a host's rack to others; as much comes back. */
  uplinkBytesPerSec(host: number): number {
    const { uplink, uplinks } = this.#racks[(this.#hosts[host] as NetworkHost).rack] as NetworkRack;
    return uplink.bytesPerSec * uplinks;
  }

  /** Lines between sites, each way by itself, and which of them lead from site to site. */
  get wide(): {
    readonly lines: readonly Link[];
    readonly ways: readonly { from: number; to: number; lines: readonly number[] }[];
  } {
    const used = [...new Set([...this.#between.values()].flat())].sort((a, b) => a - b);
    const ways = [...this.#between].map(([key, links]) => {
      const [from, to] = key.split("/").map(Number) as [number, number];
      return { from, to, lines: links.map((link) => used.indexOf(link)) };
    });
    return { lines: used.map((link) => this.links[link] as Link), ways };
  }

  #find(source: number, target: number): readonly number[] | undefined {
    if (source === target) return undefined;
    const from = (this.#hosts[source] as NetworkHost).rack;
    const to = (this.#hosts[target] as NetworkHost).rack;
    const out = this.#hostLinks[source] as number;
    const into = (this.#hostLinks[target] as number) + 1;
    if (from === to) return [out, into];
    const [a, b] = [this.#racks[from] as NetworkRack, this.#racks[to] as NetworkRack];
    const up = (this.#rackLinks[from] as number) + (target % a.uplinks);
    const down = (this.#rackLinks[to] as number) + b.uplinks + (target % b.uplinks);
    if (a.site === b.site) return [out, up, down, into];
    const between = this.#between.get(`${a.site}/${b.site}`);
    return between && [out, up, ...between, down, into];
  }

  /** The ways between sites: the least latency, by Dijkstra from each. */
  #join(siteLinks: readonly SiteLink[]): void {
    const edges: { from: number; to: number; link: number; latencyNs: number }[] = [];
    for (const { sites, ...link } of siteLinks)
      for (const [from, to] of [sites, [sites[1], sites[0]] as const]) {
        edges.push({ from, to, link: this.links.length, latencyNs: link.latencyNs });
        this.links.push({ ...link, name: `${link.name}/${from < to ? "there" : "back"}` });
      }
    const sites = new Set(edges.map(({ from }) => from));
    for (const start of sites) {
      const best = new Map<number, { latencyNs: number; links: readonly number[] }>();
      const open = new Map([[start, { latencyNs: 0, links: [] as readonly number[] }]]);
      while (open.size > 0) {
        const [site, way] = [...open].reduce((x, y) => (y[1].latencyNs < x[1].latencyNs ? y : x));
        open.delete(site);
        best.set(site, way);
        if (site !== start) this.#between.set(`${start}/${site}`, way.links);
        for (const { from, to, link, latencyNs } of edges) {
          if (from !== site || best.has(to)) continue;
          const next = { latencyNs: way.latencyNs + latencyNs, links: [...way.links, link] };
          if (next.latencyNs < (open.get(to)?.latencyNs ?? Number.POSITIVE_INFINITY))
            open.set(to, next);
        }
      }
    }
  }
}
