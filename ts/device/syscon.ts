import type { AccessBytes, MmioDevice } from "../machine/mmio.ts";
import type { Persist } from "../machine/persist.ts";
import { StateFields } from "../machine/state-fields.ts";

/** How the guest asked for the end. */
export interface SysconShutdown {
  readonly type: "poweroff" | "fail" | "reboot";
  /** Exit status: 0 for power off and reboot, the guest's 16-bit code for a failure. */
  readonly code: number;
}

export interface SysconOptions {
  readonly onShutdown: (shutdown: SysconShutdown) => void;
}

/** Nothing: the register is write-only. */
export type SysconState = Record<string, never>;

export interface SysconMetrics {
  readonly shutdowns: number;
  /** Writes of values that mean nothing. */
  readonly ignoredWrites: number;
}

const FINISH_FAIL = 0x3333;
const FINISH_PASS = 0x5555;
const FINISH_RESET = 0x7777;

/** The SiFive test finisher: one register that ends the machine. */
export class Syscon implements MmioDevice, Persist<SysconState> {
  readonly name = "syscon";
  readonly windowBytes = 0x1000;
  readonly #options: SysconOptions;
  #shutdowns = 0;
  #ignoredWrites = 0;

  constructor(options: SysconOptions) {
    this.#options = options;
  }

  load(_offset: number, _bytes: AccessBytes): number {
    return 0;
  }

  store(offset: number, bytes: AccessBytes, value: number): void {
    const shutdown = offset === 0 && bytes >= 2 ? decodeShutdown(value) : undefined;
    if (!shutdown) {
      this.#ignoredWrites++;
      return;
    }
    this.#shutdowns++;
    this.#options.onShutdown(shutdown);
  }

  metrics(): SysconMetrics {
    return { shutdowns: this.#shutdowns, ignoredWrites: this.#ignoredWrites };
  }

  save(): SysconState {
    return {};
  }

  restore(state: SysconState): void {
    new StateFields(this.name, state);
  }
}

function decodeShutdown(value: number): SysconShutdown | undefined {
  switch (value & 0xffff) {
    case FINISH_PASS:
      return { type: "poweroff", code: 0 };
    case FINISH_FAIL:
      return { type: "fail", code: value >>> 16 };
    case FINISH_RESET:
      return { type: "reboot", code: 0 };
    default:
      return undefined;
  }
}
