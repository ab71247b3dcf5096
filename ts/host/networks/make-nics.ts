/** The network cards of a vm, each with its cable. */
import type { Clock } from "../../base/clock.ts";
import { WasmvisorError } from "../../base/errors.ts";
import type { HostNetworks } from "./host-networks.ts";
import type { NicConfig } from "./nic-config.ts";
import { VmNic } from "./vm-nic.ts";

/**
 * Two cards with one address on a switch would take each other's frames: a second one is refused if it is new,
 * and has no cable if it came with a guest (a fork, a snapshot). Throws `WV_CONFIG`, `WV_MISSING`, `WV_LIMIT`.
 */
export async function makeNics(
  networks: HostNetworks,
  request: {
    readonly config: { readonly name: string; readonly networks: readonly NicConfig[] };
    readonly clock: Clock;
    readonly isNew?: boolean | undefined;
  },
): Promise<VmNic[]> {
  const { clock, config, isNew = false } = request;
  const nics: VmNic[] = [];
  try {
    for (const [index, nic] of config.networks.entries()) {
      const plug = await networks.plug(config.name, index, nic);
      if (!plug && isNew)
        throw new WasmvisorError(
          "WV_CONFIG",
          `networks.mac: ${nic.mac} is on that network already`,
        );
      nics.push(new VmNic({ config: nic, index, plug, clock }));
    }
  } catch (error) {
    for (const nic of nics) nic.unplug();
    throw error;
  }
  return nics;
}
