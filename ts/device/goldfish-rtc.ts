/** Goldfish real-time clock: nanoseconds since 1970 in two halves, and one alarm. */
import type { GuestClock } from "../machine/guest-clock.ts";
import type { IrqLine } from "../machine/irq.ts";
import type { AccessBytes, MmioDevice } from "../machine/mmio.ts";
import type { Persist } from "../machine/persist.ts";
import { StateFields } from "../machine/state-fields.ts";

const TIME_LOW = 0x00; // A read latches TIME_HIGH.
const TIME_HIGH = 0x04;
const ALARM_LOW = 0x08; // A write arms the alarm.
const ALARM_HIGH = 0x0c;
const IRQ_ENABLED = 0x10;
const CLEAR_ALARM = 0x14;
const ALARM_STATUS = 0x18;
const CLEAR_INTERRUPT = 0x1c;
const TWO_32 = 0x1_0000_0000;

export interface GoldfishRtcOptions {
  readonly clock: GuestClock;
  readonly irq: IrqLine;
  /** Call `poll()` when the clock's `realTimeNs()` reaches this (Infinity: no alarm is set). */
  readonly onAlarm?: ((realTimeNs: number) => void) | undefined;
}

export interface GoldfishRtcState {
  /** Guest time of day minus the clock's, after the guest has set it. */
  readonly offsetNs: number;
  readonly timeHigh: number;
  readonly alarmLow: number;
  readonly alarmHigh: number;
  readonly isArmed: boolean;
  readonly isPending: boolean;
  readonly isIrqEnabled: boolean;
}

export interface GoldfishRtcMetrics {
  readonly reads: number;
  readonly alarms: number;
}

export class GoldfishRtc implements MmioDevice, Persist<GoldfishRtcState> {
  readonly name = "rtc";
  readonly windowBytes = 0x1000;
  readonly #options: GoldfishRtcOptions;
  #offsetNs = 0;
  #timeHigh = 0;
  #alarmLow = 0;
  #alarmHigh = 0;
  #isArmed = false;
  #isPending = false;
  #isIrqEnabled = false;
  #reads = 0;
  #alarms = 0;

  constructor(options: GoldfishRtcOptions) {
    this.#options = options;
  }

  load(offset: number, bytes: AccessBytes): number {
    if (bytes !== 4) return 0;
    switch (offset) {
      case TIME_LOW: {
        const ns = this.#nowNs();
        this.#reads++;
        this.#timeHigh = Math.floor(ns / TWO_32) >>> 0;
        return (ns % TWO_32) >>> 0;
      }
      case TIME_HIGH:
        return this.#timeHigh;
      case ALARM_LOW:
        return this.#alarmLow;
      case ALARM_HIGH:
        return this.#alarmHigh;
      case IRQ_ENABLED:
        return this.#isIrqEnabled ? 1 : 0;
      case ALARM_STATUS:
        return this.#isArmed ? 1 : 0;
      default:
        return 0;
    }
  }

  store(offset: number, bytes: AccessBytes, value: number): void {
    if (bytes !== 4) return;
    switch (offset) {
      case TIME_LOW:
        this.#setTime(value, Math.floor(this.#nowNs() / TWO_32));
        break;
      case TIME_HIGH:
        this.#setTime(this.#nowNs() % TWO_32, value);
        break;
      case ALARM_LOW:
        this.#alarmLow = value;
        this.#arm(true);
        break;
      case ALARM_HIGH:
        this.#alarmHigh = value;
        break;
      case IRQ_ENABLED:
        this.#isIrqEnabled = (value & 1) !== 0;
        this.#driveIrq();
        break;
      case CLEAR_ALARM:
        this.#arm(false);
        break;
      case CLEAR_INTERRUPT:
        this.#isPending = false;
        this.#driveIrq();
        break;
      default:
    }
  }

  /** Rings the alarm if its time has come. */
  poll(): void {
    if (!this.#isArmed || this.#nowNs() < this.#alarmNs()) return;
    this.#alarms++;
    this.#isPending = true;
    this.#isArmed = false;
    this.#driveIrq();
  }

  metrics(): GoldfishRtcMetrics {
    return { reads: this.#reads, alarms: this.#alarms };
  }

  save(): GoldfishRtcState {
    return {
      offsetNs: this.#offsetNs,
      timeHigh: this.#timeHigh,
      alarmLow: this.#alarmLow,
      alarmHigh: this.#alarmHigh,
      isArmed: this.#isArmed,
      isPending: this.#isPending,
      isIrqEnabled: this.#isIrqEnabled,
    };
  }

  /**
   * Drives the interrupt line and announces the alarm again. One whose time came meanwhile rings at
   * the next `poll()`, when the interrupt controller has its state back too.
   */
  restore(state: GoldfishRtcState): void {
    const fields = new StateFields(this.name, state);
    const next = {
      offsetNs: fields.finite("offsetNs"),
      timeHigh: fields.integer("timeHigh"),
      alarmLow: fields.integer("alarmLow"),
      alarmHigh: fields.integer("alarmHigh"),
      isArmed: fields.flag("isArmed"),
      isPending: fields.flag("isPending"),
      isIrqEnabled: fields.flag("isIrqEnabled"),
    };
    this.#offsetNs = next.offsetNs;
    this.#timeHigh = next.timeHigh;
    this.#alarmLow = next.alarmLow;
    this.#alarmHigh = next.alarmHigh;
    this.#isPending = next.isPending;
    this.#isIrqEnabled = next.isIrqEnabled;
    this.#isArmed = next.isArmed;
    this.#announce();
    this.#driveIrq();
  }

  #nowNs(): number {
    return Math.max(0, this.#options.clock.realTimeNs() + this.#offsetNs);
  }

  #alarmNs(): number {
    return this.#alarmHigh * TWO_32 + this.#alarmLow;
  }

  #setTime(lo: number, hi: number): void {
    this.#offsetNs = hi * TWO_32 + lo - this.#options.clock.realTimeNs();
    this.#arm(this.#isArmed);
  }

  #arm(isArmed: boolean): void {
    this.#isArmed = isArmed;
    this.#announce();
    this.poll();
  }

  #announce(): void {
    const isSet = this.#isArmed;
    const atNs = isSet ? this.#alarmNs() - this.#offsetNs : Number.POSITIVE_INFINITY;
    this.#options.onAlarm?.(atNs);
  }

  #driveIrq(): void {
    this.#options.irq(this.#isPending && this.#isIrqEnabled);
  }
}
