import { abortError, onAbort } from "../base/abort.ts";
import { WasmvisorError } from "../base/errors.ts";
import type { VmEnd } from "../vmm/vm.ts";
import type { VmApi } from "./api.ts";

/** Settles when `vm` has ended; rejects with `WV_STATE` if it goes, with `WV_ABORTED` if told so. */
export function waitForEnd(
  vm: Pick<VmApi, "end" | "events" | "name" | "status">,
  signal: AbortSignal | undefined,
): Promise<VmEnd> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      if (vm.status === "ended" && vm.end) resolve(vm.end);
      else if (vm.status === "gone")
        reject(new WasmvisorError("WV_STATE", `${vm.name}: it is not on this host any more`));
      else return;
      off();
      forget();
    };
    const off = vm.events.on("status", look);
    const forget = onAbort(signal, () => {
      off();
      reject(abortError(signal));
    });
    look();
  });
}
