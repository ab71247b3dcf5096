/** Which migrations may begin: hosts and links have room for so many at a time, and targets for so much memory. */
import type { Fleet } from "./fleet.ts";
import type { Centre, HostSpec } from "./model.ts";
import type { Link, Route } from "./network.ts";
import type { MigrationRecord } from "./records.ts";

export class Admission {
  readonly #centre: Centre;
  readonly #fleet: Fleet;
  readonly #linkMigrations: Int32Array;
  readonly #limitedLinks: boolean;

  constructor(centre: Centre, fleet: Fleet) {
    const { links } = centre.network;
    this.#centre = centre;
    this.#fleet = fleet;
    this.#linkMigrations = new Int32Array(links.length);
    this.#limitedLinks = links.some(
      ({ migrationsMax }) => migrationsMax < Number.POSITIVE_INFINITY,
    );
  }

  /** Why it can never begin. */
  refusal({ source, target, vm }: MigrationRecord): string {
    const { host, isMigrating, state } = this.#fleet.vm(vm);
    if (isMigrating) return "";
    if (state === "lost" || host !== source) return "the vm is not there any more";
    if (this.#fleet.host(target).isFailed) return "its target failed";
    if (!this.#centre.network.route(source, target)) return "there is no way to its target";
    const { memoryBytes } = this.#centre.hosts[target] as HostSpec;
    return this.#fleet.spec(vm).memoryBytes > memoryBytes ? "it is larger than its target" : "";
  }

  /** May it begin now? */
  hasPlace({ source, target, vm }: MigrationRecord): boolean {
    const { hosts, network } = this.#centre;
    if (this.#fleet.vm(vm).isMigrating) return false;
    if (this.#fleet.host(source).outgoing >= (hosts[source] as HostSpec).outgoingMax) return false;
    if (this.#fleet.host(target).incoming >= (hosts[target] as HostSpec).incomingMax) return false;
    if (this.#fleet.host(target).freeBytes < this.#fleet.spec(vm).memoryBytes) return false;
    if (!this.#limitedLinks) return true;
    return (network.route(source, target) as Route).links.every(
      (link) =>
        (this.#linkMigrations[link] as number) < (network.links[link] as Link).migrationsMax,
    );
  }

  /** It takes its places, and its memory on the target. */
  enter({ source, target, vm }: MigrationRecord, { links }: Route): void {
    this.#fleet.vm(vm).isMigrating = true;
    this.#fleet.host(source).outgoing++;
    this.#fleet.host(target).incoming++;
    this.#fleet.host(target).freeBytes -= this.#fleet.spec(vm).memoryBytes;
    for (const link of links) (this.#linkMigrations[link] as number)++;
  }

  /** It gives its places back. */
  leave({ source, target, vm }: MigrationRecord, { links }: Route): void {
    this.#fleet.vm(vm).isMigrating = false;
    this.#fleet.host(source).outgoing--;
    this.#fleet.host(target).incoming--;
    for (const link of links) (this.#linkMigrations[link] as number)--;
  }
}
