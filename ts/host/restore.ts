/** From an open snapshot to a vm. */

import { badSnapshot } from "./snapshot-format.ts";
import type { Snapshot } from "./snapshot-reader.ts";
import type { VirtualMachine } from "./virtual-machine.ts";

/**
 * A vm from `snapshot`, which is released, by the vm if not here. `pages`: its pages come when they are
 * touched, or all before the vm is there. An abort leaves no vm.
 */
export async function restoreVm(request: {
  readonly snapshot: Snapshot;
  /** Makes an empty vm from its config. */
  readonly build: (config: Uint8Array) => Promise<VirtualMachine>;
  readonly pages: "on-touch" | "at-once";
  readonly signal?: AbortSignal | undefined;
}): Promise<VirtualMachine> {
  const { pages, signal, snapshot } = request;
  let vm: VirtualMachine;
  try {
    vm = await request.build(snapshot.config);
  } catch (error) {
    snapshot.release();
    throw error;
  }
  const { machine } = vm;
  try {
    machine.ram.hold(snapshot);
    if (machine.ram.ramBytes !== snapshot.guestPages * 4096)
      throw badSnapshot(
        `of ${snapshot.guestPages} pages for a guest of ${machine.ram.ramBytes} bytes`,
      );
    machine.ram.expect(snapshot.pages);
    const guest = vm.migratable();
    guest.restoreState(snapshot.state);
    if (pages === "at-once") await vm.loadPages({ signal });
  } catch (error) {
    await vm.destroy();
    throw error;
  }
  vm.restored();
  return vm;
}
