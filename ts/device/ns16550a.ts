/**
 * The National Semiconductor 16550A UART with an infinitely fast transmitter.
 *
 *   offset  read            write          with LCR.DLAB
 *   0       RBR             THR            DLL
 *   1       IER             IER            DLM
 *   2       IIR             FCR
 *   3       LCR             LCR
 *   4       MCR             MCR
 *   5       LSR
 *   6       MSR
 *   7       SCR             SCR
 *
 * Input waits in a queue of any length; the guest sees the first 16 bytes of it as the receive FIFO,
 * so nothing is lost however fast it comes. Only loopback can overrun.
 */
import type { IrqLine } from "../machine/irq.ts";
import type { AccessBytes, MmioDevice } from "../machine/mmio.ts";
import type { Persist } from "../machine/persist.ts";
import { badState, StateFields } from "../machine/state-fields.ts";
import { ByteQueue } from "./byte-queue.ts";

const IER_RDI = 0x01;
const IER_THRI = 0x02;
const IER_RLSI = 0x04;
const IER_MSI = 0x08;
const IIR_NONE = 0x01;
const IIR_THRI = 0x02;
const IIR_RDI = 0x04;
const IIR_RLSI = 0x06;
const IIR_TIMEOUT = 0x0c;
const IIR_FIFO = 0xc0;
const FCR_ENABLE = 0x01;
const FCR_CLEAR_RX = 0x02;
const LCR_DLAB = 0x80;
const MCR_LOOP = 0x10;
const LSR_DR = 0x01;
const LSR_OE = 0x02;
const LSR_THRE_TEMT = 0x60;
/** A guest that looks so often in a row whether something came, and sends nothing, waits for input. */
const LISTENING_POLLS = 64;
const MSR_CTS = 0x10;
const MSR_DSR = 0x20;
const MSR_RI = 0x40;
const MSR_DCD = 0x80;
const MSR_PEER = MSR_DCD | MSR_DSR | MSR_CTS; // Somebody is at the other end.

const FIFO_BYTES = 16;
const TRIGGER_BYTES = [1, 4, 8, 14] as const;
const DEFAULT_INPUT_BYTES_MAX = 1024 * 1024;

export interface Ns16550aOptions {
  readonly irq: IrqLine;
  /** Bytes the guest sends, in order; each array is the callee's to keep. */
  readonly onTransmit: (bytes: Uint8Array) => void;
  /** Input that may wait for the guest; 1 MiB by default. */
  readonly inputBytesMax?: number | undefined;
}

export interface Ns16550aState {
  readonly ier: number;
  readonly fcr: number;
  readonly lcr: number;
  readonly mcr: number;
  readonly scr: number;
  readonly dll: number;
  readonly dlm: number;
  readonly msrDelta: number;
  readonly isOverrun: boolean;
  readonly isThrePending: boolean;
  readonly loopback: Uint8Array;
  readonly input: Uint8Array;
}

export interface Ns16550aMetrics {
  readonly transmittedBytes: number;
  readonly receivedBytes: number;
  /** Input refused because the queue was full. */
  readonly droppedBytes: number;
  /** Bytes lost in loopback because the FIFO was full. */
  readonly overrunBytes: number;
  readonly interrupts: number;
}

export class Ns16550a implements MmioDevice, Persist<Ns16550aState> {
  readonly name = "uart";
  readonly windowBytes = 0x100;
  readonly #options: Ns16550aOptions;
  readonly #inputBytesMax: number;
  readonly #input: ByteQueue;
  readonly #loopback = new ByteQueue(FIFO_BYTES);
  #ier = 0;
  #fcr = 0;
  #lcr = 0;
  #mcr = 0;
  #scr = 0;
  #dll = 0;
  #dlm = 0;
  #msrDelta = 0;
  #isOverrun = false;
  #isThrePending = false;
  #irqLevel = false;
  /** Looks at LSR since something was sent; never forgets that there were many. */
  #idlePolls = 0;
  readonly #metrics = {
    transmittedBytes: 0,
    receivedBytes: 0,
    droppedBytes: 0,
    overrunBytes: 0,
    interrupts: 0,
  };

  constructor(options: Ns16550aOptions) {
    this.#options = options;
    this.#inputBytesMax = options.inputBytesMax ?? DEFAULT_INPUT_BYTES_MAX;
    this.#input = new ByteQueue(this.#inputBytesMax);
  }

  /** Gives the guest input; returns how many bytes were accepted (fewer: offer the rest later). */
  receive(bytes: Uint8Array): number {
    const accepted = this.#input.push(bytes);
    this.#metrics.receivedBytes += accepted;
    this.#metrics.droppedBytes += bytes.length - accepted;
    this.#driveIrq();
    return accepted;
  }

  /** Input bytes that the guest has not read yet. */
  get waitingBytes(): number {
    return this.#input.length;
  }

  /**
   * The guest reads what comes: by interrupt, or because it has begun to poll. Drivers empty the
   * receiver when they start, so whatever comes earlier may get lost.
   */
  get isListening(): boolean {
    return (this.#ier & IER_RDI) !== 0 || this.#idlePolls >= LISTENING_POLLS;
  }

  load(offset: number, _bytes: AccessBytes): number {
    switch (offset) {
      case 0:
        return this.#lcr & LCR_DLAB ? this.#dll : this.#loadReceived();
      case 1:
        return this.#lcr & LCR_DLAB ? this.#dlm : this.#ier;
      case 2:
        return this.#loadInterruptId();
      case 3:
        return this.#lcr;
      case 4:
        return this.#mcr;
      case 5:
        return this.#loadLineStatus();
      case 6:
        return this.#loadModemStatus();
      case 7:
        return this.#scr;
      default:
        return 0;
    }
  }

  store(offset: number, _bytes: AccessBytes, value: number): void {
    const byte = value & 0xff;
    switch (offset) {
      case 0:
        if (this.#lcr & LCR_DLAB) this.#dll = byte;
        else this.#transmit(byte);
        break;
      case 1:
        if (this.#lcr & LCR_DLAB) this.#dlm = byte;
        else this.#storeInterruptEnable(byte & 0x0f);
        break;
      case 2:
        // Input is not dropped: to the guest it is as if it came just after the FIFO was cleared.
        this.#fcr = byte & 0xc9;
        if (byte & FCR_CLEAR_RX) this.#loopback.clear();
        this.#driveIrq();
        break;
      case 3:
        this.#lcr = byte;
        break;
      case 4:
        this.#storeModemControl(byte & 0x1f);
        break;
      case 7:
        this.#scr = byte;
        break;
      default: // LSR and MSR are read-only.
    }
  }

  metrics(): Ns16550aMetrics {
    return { ...this.#metrics };
  }

  save(): Ns16550aState {
    return {
      ier: this.#ier,
      fcr: this.#fcr,
      lcr: this.#lcr,
      mcr: this.#mcr,
      scr: this.#scr,
      dll: this.#dll,
      dlm: this.#dlm,
      msrDelta: this.#msrDelta,
      isOverrun: this.#isOverrun,
      isThrePending: this.#isThrePending,
      loopback: this.#loopback.toBytes(),
      input: this.#input.toBytes(),
    };
  }

  /** Drives the interrupt line again. */
  restore(state: Ns16550aState): void {
    const fields = new StateFields(this.name, state);
    const [ier, fcr] = [fields.integer("ier", 0x0f), fields.integer("fcr", 0xc9)];
    const [lcr, mcr] = [fields.integer("lcr", 0xff), fields.integer("mcr", 0x1f)];
    const [dll, dlm] = [fields.integer("dll", 0xff), fields.integer("dlm", 0xff)];
    const [scr, msrDelta] = [fields.integer("scr", 0xff), fields.integer("msrDelta", 0x0f)];
    const [isOverrun, isThrePending] = [fields.flag("isOverrun"), fields.flag("isThrePending")];
    const loopback = fields.bytes("loopback", FIFO_BYTES);
    const input = fields.bytes("input", this.#inputBytesMax);
    if (fcr & ~0xc9) throw badState("uart.fcr", "only writable bits", fcr);
    this.#ier = ier;
    this.#fcr = fcr;
    this.#lcr = lcr;
    this.#mcr = mcr;
    this.#dll = dll;
    this.#dlm = dlm;
    this.#scr = scr;
    this.#msrDelta = msrDelta;
    this.#isOverrun = isOverrun;
    this.#isThrePending = isThrePending;
    this.#loopback.clear();
    this.#loopback.push(loopback);
    this.#input.clear();
    this.#input.push(input);
    this.#irqLevel = this.#hasInterrupt();
    this.#options.irq(this.#irqLevel);
  }

  /** Where received bytes come from: the wire, or our own transmitter. */
  get #source(): ByteQueue {
    return this.#mcr & MCR_LOOP ? this.#loopback : this.#input;
  }

  get #depth(): number {
    return this.#fcr & FCR_ENABLE ? FIFO_BYTES : 1;
  }

  #loadReceived(): number {
    const byte = this.#source.shift();
    this.#driveIrq();
    return Math.max(byte, 0);
  }

  #loadInterruptId(): number {
    const id = this.#interruptId();
    if (id === IIR_THRI) {
      this.#isThrePending = false;
      this.#driveIrq();
    }
    return id | (this.#fcr & FCR_ENABLE ? IIR_FIFO : 0);
  }

  #loadLineStatus(): number {
    this.#idlePolls++;
    const status =
      LSR_THRE_TEMT | (this.#source.length > 0 ? LSR_DR : 0) | (this.#isOverrun ? LSR_OE : 0);
    if (this.#isOverrun) {
      this.#isOverrun = false;
      this.#driveIrq();
    }
    return status;
  }

  #loadModemStatus(): number {
    const status = modemLines(this.#mcr) | this.#msrDelta;
    if (this.#msrDelta !== 0) {
      this.#msrDelta = 0;
      this.#driveIrq();
    }
    return status;
  }

  #transmit(byte: number): void {
    if (this.#idlePolls < LISTENING_POLLS) this.#idlePolls = 0;
    if (this.#mcr & MCR_LOOP) this.#transmitLoopback(byte);
    else {
      this.#metrics.transmittedBytes++;
      this.#options.onTransmit(Uint8Array.of(byte));
    }
    this.#isThrePending = true; // Empty again at once.
    this.#driveIrq();
  }

  #transmitLoopback(byte: number): void {
    if (this.#loopback.length < this.#depth) this.#loopback.push(Uint8Array.of(byte));
    else {
      this.#isOverrun = true;
      this.#metrics.overrunBytes++;
    }
  }

  /** Enabling THRI while the transmitter is empty interrupts each time; Linux tests for that. */
  #storeInterruptEnable(value: number): void {
    if (value & ~this.#ier & IER_THRI) this.#isThrePending = true;
    this.#ier = value;
    this.#driveIrq();
  }

  #storeModemControl(value: number): void {
    const before = modemLines(this.#mcr);
    this.#mcr = value;
    const after = modemLines(value);
    const changed = before ^ after;
    this.#msrDelta |= (changed & (MSR_CTS | MSR_DSR | MSR_DCD)) >> 4;
    if (before & ~after & MSR_RI) this.#msrDelta |= 0x04; // TERI: the trailing edge only.
    this.#driveIrq();
  }

  /** Table 5 of the data sheet, highest priority first. */
  #interruptId(): number {
    if (this.#ier & IER_RLSI && this.#isOverrun) return IIR_RLSI;
    const received = Math.min(this.#source.length, this.#depth);
    if (this.#ier & IER_RDI && received > 0) {
      const trigger = this.#fcr & FCR_ENABLE ? (TRIGGER_BYTES[this.#fcr >> 6] ?? 1) : 1;
      return received >= trigger ? IIR_RDI : IIR_TIMEOUT;
    }
    if (this.#ier & IER_THRI && this.#isThrePending) return IIR_THRI;
    if (this.#ier & IER_MSI && this.#msrDelta !== 0) return 0;
    return IIR_NONE;
  }

  #hasInterrupt(): boolean {
    return this.#interruptId() !== IIR_NONE;
  }

  #driveIrq(): void {
    const level = this.#hasInterrupt();
    if (level === this.#irqLevel) return;
    this.#irqLevel = level;
    if (level) this.#metrics.interrupts++;
    this.#options.irq(level);
  }
}

/** The four input lines of MSR; in loopback they are the four outputs of MCR. */
function modemLines(mcr: number): number {
  if (!(mcr & MCR_LOOP)) return MSR_PEER;
  return (
    (mcr & 0x01 ? MSR_DSR : 0) |
    (mcr & 0x02 ? MSR_CTS : 0) |
    (mcr & 0x04 ? MSR_RI : 0) |
    (mcr & 0x08 ? MSR_DCD : 0)
  );
}
