/**
 * One end of a TCP connection with a guest (RFC 9293), for a network that hardly ever loses anything: the other end is
 * in the same process. Segments that come out of order are not kept; what is lost is sent again from there on
 * (RFC 6298 timer, three equal acknowledgements). Windows are large, and segments as long as a packet can be.
 */
import {
  ACK,
  FIN,
  HEADERS_BYTES,
  PSH,
  RST,
  type SegmentPlan,
  SYN,
  type TcpSegment,
} from "../tcp.ts";
import { SendBuffer } from "./send-buffer.ts";

/** What a guest may have sent before its data is taken on. */
const RECEIVE_BYTES_MAX = 4 << 20;
const RECEIVE_SCALE = 7;
const SEND_WINDOW_MAX = 4 << 20;
const FIRST_WINDOW_SEGMENTS = 45; // 64 KiB: nothing between the two ends can be congested.
const SEGMENT_DATA_MAX = 0xffff - HEADERS_BYTES;
const RTO_MIN_NS = 200e6;
const RTO_FIRST_NS = 500e6;
const RTO_MAX_NS = 10e9;
/** How long a guest that has just moved is given to acknowledge what it has got. */
export const HURRY_NS = 40e6;
const RETRIES_MAX = 15;
const EQUAL_ACKS = 3;
const DEFAULT_MSS = 536;
const MSS_MIN = 64;

/** Distance in sequence numbers, negative if `a` is before `b`. */
const distance = (a: number, b: number): number => (a - b) | 0;

export interface TcpOwner {
  /** Puts a segment on the line. */
  transmit(plan: Omit<SegmentPlan, "sourcePort" | "targetPort">): void;
  /** The handshake is done. */
  onOpen(): void;
  onData(data: Uint8Array): void;
  /** The guest has nothing more to say. */
  onEnd(): void;
  /** The guest has taken in some of what was written. */
  onDrain(): void;
  /** It is over: both sides have finished, or one broke off. */
  onClose(reason: "finished" | "reset" | "timeout"): void;
  /** Bytes that were given to `onData` and are not taken on yet. */
  readonly waitingBytes: number;
}

export interface TcpEndpointOptions {
  readonly owner: TcpOwner;
  /** First sequence number. */
  readonly isn: number;
  readonly mtu: number;
  readonly nowNs: () => number;
}

export class TcpEndpoint {
  readonly #owner: TcpOwner;
  readonly #mss: number;
  readonly #nowNs: () => number;
  readonly #buffer = new SendBuffer();
  #state: "new" | "syn-sent" | "syn-received" | "open" | "closed" = "new";
  /** Next to send, oldest not acknowledged, next expected. */
  #next: number;
  #oldest: number;
  /** Furthest that was ever sent: `next` goes back when something is sent again. */
  #furthest: number;
  #expected = 0;
  #peerMss = DEFAULT_MSS;
  #peerScale = 0;
  #peerWindow = 0;
  #scale = 0;
  /** Furthest right edge of the window that was told. */
  #promised = 0;
  #congestionWindow = 0;
  #threshold = SEND_WINDOW_MAX;
  #equalAcks = 0;
  #isEnding = false;
  /** What follows our FIN, once that was sent. */
  #endSeq: number | undefined;
  #hasSentSyn = false;
  #hasPeerEnded = false;
  #owesAck = false;
  #rtoNs = RTO_FIRST_NS;
  #retries = 0;
  #hasHurried = false;
  #progressNs: number;
  #sample: { readonly seq: number; readonly sentNs: number } | undefined;

  constructor(options: TcpEndpointOptions) {
    this.#owner = options.owner;
    this.#mss = options.mtu - HEADERS_BYTES;
    this.#nowNs = options.nowNs;
    this.#next = options.isn >>> 0;
    this.#oldest = this.#next;
    this.#furthest = this.#next;
    this.#progressNs = options.nowNs();
  }

  get #hasSentEnd(): boolean {
    return this.#endSeq === this.#next;
  }

  /** Bytes that were written and have not arrived. */
  get unsentBytes(): number {
    return this.#buffer.length;
  }

  /** Nothing more will be written. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** Asks the guest for a connection. */
  connect(): void {
    this.#state = "syn-sent";
    this.#sendSyn();
  }

  /** The guest asks for one; `accept` answers. */
  listen(syn: TcpSegment): void {
    this.#state = "syn-received";
    this.#takeSyn(syn);
  }

  accept(): void {
    if (this.#state === "syn-received" && !this.#hasSentSyn) this.#sendSyn();
  }

  /** Sends data; the bytes are the callee's to keep. */
  write(data: Uint8Array): void {
    if (this.isClosed || this.#isEnding) return;
    this.#buffer.push(data);
    this.#output();
  }

  /** What was written so far is all. */
  end(): void {
    if (this.isClosed) return;
    this.#isEnding = true;
    this.#output();
  }

  /** Breaks off. */
  abort(): void {
    if (this.isClosed) return;
    this.#transmit({ seq: this.#next, flags: RST | ACK });
    this.#close("reset");
  }

  receive(segment: TcpSegment): void {
    if (this.isClosed) return;
    if (segment.flags & RST) this.#takeReset(segment);
    else if (this.#state === "syn-sent") this.#takeAnswer(segment);
    else if (segment.flags & SYN) this.#takeSynAgain(segment);
    else if (segment.flags & ACK) this.#takeSegment(segment);
  }

  /** Acknowledges what came, if nothing that was sent has done so. */
  flush(): void {
    if (this.#owesAck && !this.isClosed) this.#sendAck();
  }

  /** What was given away has been taken on: the guest may send again. */
  windowOpened(): void {
    if (this.#state !== "open" || this.#hasPeerEnded) return;
    const gained = distance((this.#expected + this.#window()) | 0, this.#promised);
    if (gained >= Math.min(RECEIVE_BYTES_MAX / 4, 2 * SEGMENT_DATA_MAX)) this.#sendAck();
  }

  /** To be called now and then: sends again what was lost, asks whether a closed window opened. */
  tick(): void {
    const isWaiting =
      this.#next !== this.#oldest ||
      (this.#state === "open" &&
        (this.#buffer.length > 0 || (this.#isEnding && !this.#hasSentEnd)));
    if (this.isClosed || !isWaiting || this.#nowNs() - this.#progressNs < this.#rtoNs) return;
    if (++this.#retries > RETRIES_MAX) {
      this.#transmit({ seq: this.#next, flags: RST | ACK });
      this.#close("timeout");
      return;
    }
    this.#progressNs = this.#nowNs();
    this.#rtoNs = Math.min(RTO_MAX_NS, 2 * this.#rtoNs);
    this.#resend(FIRST_WINDOW_SEGMENTS);
  }

  /** The guest has moved, and may have missed what was sent: without an answer soon it is sent again, once. */
  hurry(): void {
    if (this.#inFlight === 0 || this.#hasHurried) return;
    this.#hasHurried = true;
    this.#rtoNs = Math.min(this.#rtoNs, this.#nowNs() - this.#progressNs + HURRY_NS);
  }

  #takeSyn(syn: TcpSegment): void {
    this.#expected = (syn.seq + 1) >>> 0;
    this.#promised = this.#expected;
    this.#peerMss = Math.max(MSS_MIN, Math.min(syn.mss ?? DEFAULT_MSS, this.#mss));
    this.#peerWindow = syn.window;
    this.#congestionWindow = FIRST_WINDOW_SEGMENTS * this.#peerMss;
    if (syn.scale === undefined) return;
    this.#peerScale = syn.scale;
    this.#scale = RECEIVE_SCALE;
  }

  /** The answer to our SYN. */
  #takeAnswer(segment: TcpSegment): void {
    if (segment.flags & ACK && segment.ack !== this.#next) return;
    if ((segment.flags & (SYN | ACK)) !== (SYN | ACK)) return; // Both asking at once does not happen here.
    this.#takeSyn(segment);
    this.#oldest = segment.ack;
    this.#open();
    this.#sendAck();
    this.#output();
  }

  #takeSynAgain(segment: TcpSegment): void {
    const isSame = (segment.seq + 1) >>> 0 === this.#expected;
    if (this.#state !== "syn-received" || !isSame) {
      if (this.#state === "open") this.#sendAck(); // RFC 5961: a challenge.
      return;
    }
    if (this.#next !== this.#oldest) this.#resend(FIRST_WINDOW_SEGMENTS);
  }

  /** RFC 5961: only a reset at the very place is believed. */
  #takeReset(segment: TcpSegment): void {
    if (this.#state === "syn-sent") {
      if (segment.flags & ACK && segment.ack === this.#next) this.#close("reset");
    } else if (segment.seq === this.#expected) this.#close("reset");
    else if (distance(segment.seq, this.#expected) > 0) this.#sendAck();
  }

  #takeSegment(segment: TcpSegment): void {
    if (distance(segment.ack, this.#furthest) > 0) {
      this.#sendAck();
      return;
    }
    const isBefore = distance(segment.seq, this.#expected) < 0;
    this.#takeAck(segment);
    if (this.#state === "syn-received") {
      if (!this.#hasSentSyn || segment.ack !== this.#next) return;
      this.#open();
    }
    if (this.isClosed) return;
    this.#takeData(segment);
    if (isBefore && segment.data.length === 0 && !(segment.flags & FIN)) this.#owesAck = true; // Keep-alive.
    this.#output();
    this.#finish();
  }

  #open(): void {
    this.#state = "open";
    this.#owner.onOpen();
  }

  #takeAck(segment: TcpSegment): void {
    const gained = distance(segment.ack, this.#oldest);
    const window = segment.window << this.#peerScale;
    if (gained > 0) this.#advance(segment.ack, gained);
    else if (gained === 0 && this.#isEqualAck(segment, window)) this.#equalAck();
    if (gained < 0) return;
    if (gained === 0 && this.#peerWindow === 0 && window > 0) {
      this.#next = this.#oldest; // What asked whether the window opened was not taken.
      this.#rtoNs = RTO_FIRST_NS;
      this.#sample = undefined;
    }
    if (window === 0) this.#retries = 0; // It is there, and asks us to wait.
    this.#peerWindow = window;
  }

  #isEqualAck(segment: TcpSegment, window: number): boolean {
    const isPlain = segment.data.length === 0 && !(segment.flags & FIN);
    return isPlain && window === this.#peerWindow && this.#next !== this.#oldest;
  }

  #equalAck(): void {
    if (++this.#equalAcks !== EQUAL_ACKS) return;
    this.#threshold = Math.max(2 * this.#peerMss, this.#inFlight >> 1);
    this.#resend(Math.ceil(this.#threshold / this.#peerMss));
  }

  #advance(ack: number, gained: number): void {
    const hadSyn = this.#state === "syn-received";
    const hasEnd = ack === this.#endSeq;
    const count = gained - (hadSyn ? 1 : 0) - (hasEnd ? 1 : 0);
    this.#buffer.drop(Math.max(0, Math.min(count, this.#buffer.length)));
    this.#oldest = ack;
    if (distance(ack, this.#next) > 0) this.#next = ack;
    this.#equalAcks = 0;
    this.#retries = 0;
    this.#hasHurried = false;
    this.#progressNs = this.#nowNs();
    this.#rtoNs = Math.max(RTO_MIN_NS, this.#rtoNs);
    this.#takeSample(ack);
    this.#congestionWindow = Math.min(
      SEND_WINDOW_MAX,
      this.#congestionWindow +
        (this.#congestionWindow < this.#threshold
          ? gained
          : Math.ceil((this.#peerMss * gained) / this.#congestionWindow)),
    );
    if (count > 0) this.#owner.onDrain();
  }

  /** Karn: only what was sent once says how long it takes. */
  #takeSample(ack: number): void {
    if (!this.#sample || distance(ack, this.#sample.seq) < 0) return;
    const tookNs = this.#nowNs() - this.#sample.sentNs;
    this.#rtoNs = Math.min(RTO_MAX_NS, Math.max(RTO_MIN_NS, 4 * tookNs));
    this.#sample = undefined;
  }

  #takeData(segment: TcpSegment): void {
    const { flags } = segment;
    const skip = distance(this.#expected, segment.seq);
    const hasNews = segment.data.length > 0 || (flags & FIN) !== 0;
    if (!hasNews) return;
    this.#owesAck = true;
    if (skip < 0 || skip > segment.data.length || this.#hasPeerEnded) {
      this.#sendAck(); // There is a gap, or all of it is here already: says so at once.
      return;
    }
    const room = RECEIVE_BYTES_MAX - this.#owner.waitingBytes;
    const data = segment.data.subarray(skip, skip + Math.max(0, room));
    this.#expected = (this.#expected + data.length) >>> 0;
    if (data.length > 0) this.#owner.onData(data);
    if (!(flags & FIN) || skip + data.length < segment.data.length) return;
    this.#expected = (this.#expected + 1) >>> 0;
    this.#hasPeerEnded = true;
    this.#owner.onEnd();
  }

  /** Both have said all, and all has arrived. */
  #finish(): void {
    if (!this.#hasPeerEnded || !this.#hasSentEnd || this.#oldest !== this.#next) return;
    this.flush();
    this.#close("finished");
  }

  #close(reason: "finished" | "reset" | "timeout"): void {
    if (this.isClosed) return;
    this.#state = "closed";
    this.#buffer.clear();
    this.#owner.onClose(reason);
  }

  get #inFlight(): number {
    return distance(this.#next, this.#oldest);
  }

  #window(): number {
    const free = Math.max(0, RECEIVE_BYTES_MAX - this.#owner.waitingBytes);
    const limit = 0xffff << this.#scale;
    return Math.min(free, limit) & ~((1 << this.#scale) - 1);
  }

  /** Sends as much as the guest and the line take. */
  #output(): void {
    if (this.#state !== "open") return;
    for (;;) {
      const offset = this.#hasSentEnd ? this.#buffer.length : this.#inFlight;
      const unsent = this.#buffer.length - offset;
      const window = Math.min(this.#peerWindow, this.#congestionWindow);
      const count = Math.min(unsent, window - this.#inFlight, SEGMENT_DATA_MAX);
      const isLast = count === unsent && this.#isEnding && !this.#hasSentEnd;
      if (count <= 0 && !isLast) return;
      const worthIt = Math.min(SEGMENT_DATA_MAX, window >> 2);
      if (count < unsent && count < worthIt && this.#inFlight > 0) return; // No silly windows.
      this.#sendData(offset, count, isLast);
    }
  }

  #sendData(offset: number, count: number, isLast: boolean): void {
    if (this.#inFlight === 0) this.#progressNs = this.#nowNs();
    const seq = this.#next;
    this.#moveOn(count + (isLast ? 1 : 0));
    if (isLast) this.#endSeq = this.#next;
    if (!this.#sample && this.#retries === 0)
      this.#sample = { seq: this.#next, sentNs: this.#nowNs() };
    this.#transmit({
      seq,
      flags: ACK | (count > 0 ? PSH : 0) | (isLast ? FIN : 0),
      dataBytes: count,
      fill: (into) => this.#buffer.copy(offset, into),
    });
  }

  #sendSyn(): void {
    const isAnswer = this.#state === "syn-received";
    const seq = this.#next;
    this.#hasSentSyn = true;
    this.#moveOn(1);
    this.#progressNs = this.#nowNs();
    const scale = isAnswer && this.#scale === 0 ? undefined : RECEIVE_SCALE;
    this.#transmit({ seq, flags: isAnswer ? SYN | ACK : SYN, mss: this.#mss, scale });
  }

  #moveOn(count: number): void {
    this.#next = (this.#next + count) >>> 0;
    if (distance(this.#next, this.#furthest) > 0) this.#furthest = this.#next;
  }

  #sendAck(): void {
    this.#transmit({ seq: this.#next, flags: ACK });
  }

  /** Goes back to the oldest that is not acknowledged. */
  #resend(windowSegments: number): void {
    this.#sample = undefined;
    this.#next = this.#oldest;
    this.#congestionWindow = windowSegments * this.#peerMss;
    if (this.#state !== "open") {
      this.#sendSyn();
      return;
    }
    if (this.#peerWindow > 0) this.#output();
    if (this.#next === this.#oldest) this.#probe();
  }

  /** One byte into a closed window: the answer says whether it opened. */
  #probe(): void {
    if (this.#buffer.length > 0) this.#sendData(0, 1, false);
    else if (this.#isEnding) this.#sendData(0, 0, true);
  }

  #transmit(part: {
    readonly seq: number;
    readonly flags: number;
    readonly dataBytes?: number;
    readonly fill?: (into: Uint8Array) => void;
    readonly mss?: number;
    readonly scale?: number | undefined;
  }): void {
    const isSyn = (part.flags & SYN) !== 0;
    const window = this.#window();
    if (part.flags & ACK) {
      this.#owesAck = false;
      this.#promised = (this.#expected + window) | 0;
    }
    this.#owner.transmit({
      ...part,
      dataBytes: part.dataBytes ?? 0,
      ack: part.flags & ACK ? this.#expected : 0,
      window: isSyn ? Math.min(0xffff, window) : window >>> this.#scale,
      segmentBytes: this.#peerMss,
    });
  }
}
