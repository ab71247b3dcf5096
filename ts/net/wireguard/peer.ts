/** What we know of one peer: its keys, its sessions, where it is, and what has to be done when (section 6). */
import { concat, dh, type KeyPair, type RandomBytes } from "./crypto.ts";
import { MacMaker } from "./macs.ts";
import type { CookieReply, Data, Response } from "./messages.ts";
import {
  isLater,
  makeInitiation,
  makeResponse,
  NO_PSK,
  type Opened,
  openResponse,
  type Pending,
  tai64n,
  timestampBefore,
} from "./noise.ts";
import { REJECT_AFTER_NS, REKEY_AFTER_MESSAGES, REKEY_AFTER_NS, Session } from "./session.ts";
import {
  FORGET_AFTER_NS,
  KEEPALIVE_NS,
  REKEY_ATTEMPT_NS,
  REKEY_TIMEOUT_NS,
  type TimerName,
  Timers,
} from "./timers.ts";

const NOTHING = new Uint8Array(0);
/** Packets that wait for a handshake; the oldest goes. */
const WAITING_MAX = 128;
const JITTER_MS = 334;
/** Initiations of one peer that are looked at: 20 a second. */
const INITIATION_PAUSE_NS = 50e6;

/** Where a peer is, outside. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface PeerOptions {
  readonly publicKey: Uint8Array;
  /** A key of 32 bytes that both sides share beside. */
  readonly presharedKey?: Uint8Array | undefined;
  /** Where it is. Without: it comes to us. */
  readonly endpoint?: Endpoint | undefined;
  /** Something is sent at least that often. */
  readonly keepaliveNs?: number | undefined;
}

/** What a peer asks of its interface. */
export interface PeerOwner {
  readonly self: KeyPair;
  readonly mtu: number;
  readonly random: RandomBytes;
  nowNs(): number;
  realNs(): number;
  transmit(message: Uint8Array, to: Endpoint): void;
  /** An index that nobody uses; `drop` gives it back. */
  reserve(peer: Peer): number;
  drop(index: number): void;
}

export interface PeerMetrics {
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly handshakes: number;
  readonly replayedMessages: number;
  readonly forgedMessages: number;
  readonly droppedPackets: number;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export class Peer {
  readonly publicKey: Uint8Array;
  readonly #owner: PeerOwner;
  readonly #psk: Uint8Array;
  readonly #macs: MacMaker;
  readonly #keepaliveNs: number | undefined;
  readonly #timers = new Timers();
  #endpoint: Endpoint | undefined;
  #pending: Pending | undefined;
  #attemptsSinceNs = 0;
  #initiatedNs = Number.NEGATIVE_INFINITY;
  #openedNs = Number.NEGATIVE_INFINITY;
  #timestamp = timestampBefore();
  #current: Session | undefined;
  #previous: Session | undefined;
  /** Of a handshake that we answered: not to be used before the other side has. */
  #next: Session | undefined;
  #needsKeepalive = false;
  #waiting: Uint8Array[] = [];
  readonly #metrics: Writable<PeerMetrics> = {
    ...{ sentBytes: 0, receivedBytes: 0, handshakes: 0 },
    ...{ replayedMessages: 0, forgedMessages: 0, droppedPackets: 0 },
  };

  constructor(owner: PeerOwner, options: PeerOptions) {
    this.#owner = owner;
    this.publicKey = options.publicKey;
    this.#psk = options.presharedKey ?? NO_PSK;
    this.#macs = new MacMaker(options.publicKey);
    this.#endpoint = options.endpoint;
    this.#keepaliveNs = options.keepaliveNs;
    if (this.#keepaliveNs !== undefined && this.#endpoint) this.#timers.arm("persistent", 0);
  }

  get endpoint(): Endpoint | undefined {
    return this.#endpoint;
  }

  metrics(): PeerMetrics {
    return { ...this.#metrics };
  }

  /** Sends an IP packet, or keeps it until there is a session. */
  send(packet: Uint8Array): void {
    if (this.#sendNow(packet)) return;
    if (this.#waiting.length >= WAITING_MAX) {
      this.#waiting.shift();
      this.#metrics.droppedPackets++;
    }
    this.#waiting.push(packet.slice());
    this.#initiate("fresh");
  }

  /** Does what is due. */
  tick(): void {
    for (const name of this.#timers.due(this.#owner.nowNs())) this.#expire(name);
  }

  /** Forgets all secrets. */
  close(): void {
    this.#timers.clear();
    this.#forget();
    this.#waiting = [];
  }

  /** Answers an initiation whose sender is this peer. False: it is an old one, or there were too many. */
  answer(opened: Opened, from: Endpoint): boolean {
    const nowNs = this.#owner.nowNs();
    if (!isLater(opened.timestamp, this.#timestamp)) {
      this.#metrics.replayedMessages++;
      return false;
    }
    if (nowNs - this.#openedNs < INITIATION_PAUSE_NS) return false;
    this.#openedNs = nowNs;
    this.#timestamp = concat(opened.timestamp);
    const { random } = this.#owner;
    const index = this.#owner.reserve(this);
    const made = makeResponse(opened, { index, psk: this.#psk, random });
    if (!made) {
      this.#owner.drop(index);
      return false;
    }
    this.#drop(this.#next);
    this.#next = new Session(made.keys, { index, role: "responder", sinceNs: nowNs });
    this.#endpoint = from;
    this.#macs.sign(made.message, nowNs);
    this.#transmit(made.message);
    this.#sessionBegins();
    return true;
  }

  /** False: it answers nothing that we asked, or is not from this peer. */
  takeResponse(message: Response, from: Endpoint): boolean {
    const pending = this.#pending;
    if (!pending || pending.index !== message.receiver) return false;
    const keys = openResponse(this.#owner.self, pending, { message, psk: this.#psk });
    if (!keys) {
      this.#metrics.forgedMessages++;
      return false;
    }
    this.#pending = undefined;
    this.#endpoint = from;
    const { index } = pending;
    const session = new Session(keys, { index, role: "initiator", sinceNs: this.#owner.nowNs() });
    if (this.#next) this.#confirm(this.#next); // Both asked at the same time: the other one may use that.
    this.#use(session);
    this.#timers.disarm("retransmit");
    this.#sessionBegins();
    this.#heard();
    if (this.#waiting.length === 0) this.#sendNow(NOTHING); // The other side may not send before it has heard us.
    this.#flush();
    return true;
  }

  takeCookie(reply: CookieReply): boolean {
    return this.#macs.takeCookie(reply, this.#owner.nowNs());
  }

  /** The packet in a message; undefined: none that may be believed. An empty one only says that it is there. */
  takeData(message: Data, from: Endpoint): Uint8Array | undefined {
    const session = [this.#current, this.#next, this.#previous].find(
      (one) => one?.index === message.receiver,
    );
    const opening = session?.open(message, this.#owner.nowNs());
    if (!session || opening?.state !== "opened") {
      if (opening?.state === "replayed") this.#metrics.replayedMessages++;
      else this.#metrics.forgedMessages++;
      return undefined;
    }
    this.#endpoint = from;
    this.#metrics.receivedBytes += message.sealed.length;
    if (session === this.#next) {
      this.#confirm(session);
      this.#flush();
    }
    this.#heard();
    if (opening.packet.length > 0) this.#dataCame();
    this.#renewAfterReceiving(session);
    return opening.packet;
  }

  #sendNow(packet: Uint8Array): boolean {
    const session = this.#current;
    const nowNs = this.#owner.nowNs();
    if (!session?.maySend(nowNs) || !this.#endpoint) return false;
    this.#transmit(session.seal(packet, this.#owner.mtu));
    this.#timers.disarm("keepalive");
    if (packet.length > 0 && !this.#timers.isArmed("renew"))
      this.#timers.arm("renew", nowNs + KEEPALIVE_NS + REKEY_TIMEOUT_NS + this.#jitterNs());
    const isOld = session.role === "initiator" && nowNs - session.sinceNs >= REKEY_AFTER_NS;
    if (isOld || session.sentMessages >= REKEY_AFTER_MESSAGES) this.#initiate("fresh");
    return true;
  }

  #transmit(message: Uint8Array): void {
    if (!this.#endpoint) return;
    this.#metrics.sentBytes += message.length;
    this.#owner.transmit(message, this.#endpoint);
    this.#keepAlive();
  }

  #keepAlive(): void {
    if (this.#keepaliveNs !== undefined)
      this.#timers.arm("persistent", this.#owner.nowNs() + this.#keepaliveNs);
  }

  /** Something authentic came. */
  #heard(): void {
    this.#timers.disarm("renew");
    this.#keepAlive();
  }

  #dataCame(): void {
    if (this.#timers.isArmed("keepalive")) this.#needsKeepalive = true;
    else this.#timers.arm("keepalive", this.#owner.nowNs() + KEEPALIVE_NS);
  }

  /** An initiator whose keys are about to end asks in time, if something still comes with them. */
  #renewAfterReceiving(session: Session): void {
    const ageNs = this.#owner.nowNs() - session.sinceNs;
    const limitNs = REJECT_AFTER_NS - KEEPALIVE_NS - REKEY_TIMEOUT_NS;
    if (session.isRenewed || session.role !== "initiator" || ageNs < limitNs) return;
    session.isRenewed = true;
    this.#initiate("fresh");
  }

  #initiate(kind: "fresh" | "again"): void {
    const { random, self } = this.#owner;
    const nowNs = this.#owner.nowNs();
    if (!this.#endpoint || nowNs - this.#initiatedNs < REKEY_TIMEOUT_NS) return;
    if (kind === "fresh") this.#attemptsSinceNs = nowNs;
    this.#initiatedNs = nowNs;
    if (this.#pending) this.#owner.drop(this.#pending.index);
    const index = this.#owner.reserve(this);
    const timestamp = tai64n(this.#owner.realNs());
    const made = makeInitiation(self, this.publicKey, { index, timestamp, random });
    this.#pending = made?.pending;
    if (!made) {
      this.#owner.drop(index);
      return;
    }
    this.#macs.sign(made.message, nowNs);
    this.#timers.arm("retransmit", nowNs + REKEY_TIMEOUT_NS + this.#jitterNs());
    this.#transmit(made.message);
  }

  #expire(name: TimerName): void {
    if (name === "retransmit") this.#retransmit();
    else if (name === "renew") this.#initiate("fresh");
    else if (name === "forget") this.#forget();
    else if (name === "persistent") {
      this.#keepAlive();
      this.#sendKeepalive();
    } else {
      this.#sendKeepalive();
      if (this.#needsKeepalive) this.#timers.arm("keepalive", this.#owner.nowNs() + KEEPALIVE_NS);
      this.#needsKeepalive = false;
    }
  }

  #sendKeepalive(): void {
    if (!this.#sendNow(NOTHING)) this.#initiate("fresh");
  }

  #retransmit(): void {
    if (this.#owner.nowNs() - this.#attemptsSinceNs < REKEY_ATTEMPT_NS) {
      this.#initiate("again");
      return;
    }
    this.#metrics.droppedPackets += this.#waiting.length;
    this.#waiting = [];
    this.#timers.disarm("keepalive");
    if (this.#pending) this.#owner.drop(this.#pending.index);
    this.#pending = undefined;
  }

  #sessionBegins(): void {
    this.#metrics.handshakes++;
    this.#timers.arm("forget", this.#owner.nowNs() + FORGET_AFTER_NS);
  }

  #confirm(next: Session): void {
    this.#next = undefined;
    this.#use(next);
  }

  #use(session: Session): void {
    this.#drop(this.#previous);
    this.#previous = this.#current;
    this.#current = session;
  }

  #flush(): void {
    for (const packet of this.#waiting.splice(0)) this.send(packet);
  }

  #forget(): void {
    for (const session of [this.#current, this.#previous, this.#next]) this.#drop(session);
    this.#current = this.#previous = this.#next = undefined;
    if (this.#pending) this.#owner.drop(this.#pending.index);
    this.#pending = undefined;
  }

  #drop(session: Session | undefined): void {
    if (session) this.#owner.drop(session.index);
  }

  #jitterNs(): number {
    const [low = 0, high = 0] = this.#owner.random(new Uint8Array(2));
    return ((low + 256 * high) % JITTER_MS) * 1e6;
  }
}

/** Is it a key that handshakes work with? All-zero and low-order points are none. */
export const isUsableKey = (self: KeyPair, publicKey: Uint8Array): boolean =>
  dh(self.privateKey, publicKey) !== undefined;
