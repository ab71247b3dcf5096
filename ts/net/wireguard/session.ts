/** One pair of keys that a handshake gave, for as long as it lives (WireGuard's white paper, sections 5.4.6 and 6). */
import { PacketKey, TAG_BYTES } from "./crypto.ts";
import { DATA_HEADER_BYTES, type Data, startData } from "./messages.ts";
import type { SessionKeys } from "./noise.ts";
import { ReplayWindow } from "./replay-window.ts";

export const REKEY_AFTER_NS = 120e9;
export const REJECT_AFTER_NS = 180e9;
/** The paper has 2^60; a counter here is a number, and no session sends as many in its time. */
export const REKEY_AFTER_MESSAGES = 2 ** 52;
const REJECT_AFTER_MESSAGES = Number.MAX_SAFE_INTEGER - 2 ** 13;
const PADDED_TO = 16;

/** `opened`: a packet, maybe an empty one. The others say why it is none. */
export type Opening =
  | { readonly state: "opened"; readonly packet: Uint8Array }
  | { readonly state: "old" | "forged" | "replayed" };

export class Session {
  /** What the other side puts on what it sends us. */
  readonly index: number;
  readonly role: "initiator" | "responder";
  readonly sinceNs: number;
  /** A rekey has been asked for because of what came with it. */
  isRenewed = false;
  readonly #peerIndex: number;
  readonly #sendKey: PacketKey;
  readonly #receiveKey: PacketKey;
  readonly #window = new ReplayWindow();
  #sent = 0;

  constructor(
    keys: SessionKeys,
    its: {
      readonly index: number;
      readonly role: "initiator" | "responder";
      readonly sinceNs: number;
    },
  ) {
    this.index = its.index;
    this.role = its.role;
    this.sinceNs = its.sinceNs;
    this.#peerIndex = keys.peerIndex;
    this.#sendKey = new PacketKey(keys.sendKey);
    this.#receiveKey = new PacketKey(keys.receiveKey);
  }

  get sentMessages(): number {
    return this.#sent;
  }

  maySend(nowNs: number): boolean {
    return nowNs - this.sinceNs < REJECT_AFTER_NS && this.#sent < REJECT_AFTER_MESSAGES;
  }

  /** The message with `packet`, padded but not beyond `mtu`. */
  seal(packet: Uint8Array, mtu: number): Uint8Array {
    const padded = Math.ceil(packet.length / PADDED_TO) * PADDED_TO;
    const bytes = Math.max(packet.length, Math.min(padded, mtu));
    const plain = new Uint8Array(bytes);
    plain.set(packet);
    const message = startData(this.#peerIndex, this.#sent, bytes + TAG_BYTES);
    this.#sendKey.seal(this.#sent, plain, { bytes: message, at: DATA_HEADER_BYTES });
    this.#sent++;
    return message;
  }

  open({ counter, sealed }: Data, nowNs: number): Opening {
    if (nowNs - this.sinceNs >= REJECT_AFTER_NS) return { state: "old" };
    const packet = this.#receiveKey.open(counter, sealed);
    if (!packet) return { state: "forged" };
    return this.#window.accept(counter) ? { state: "opened", packet } : { state: "replayed" };
  }
}
