/** What a card without offloads gets: checksums finished, long TCP segments cut (virtio 1.2, section 5.1.6.2). */
import { ETHERNET_HEADER_BYTES, type Frame, type Offload } from "../machine/nic.ts";
import { get16, get32, put16, put32 } from "./bytes.ts";
import { checksum, fold, pseudoSum, sumWords } from "./checksum.ts";
import { payloadOf, TYPE_IPV4 } from "./ethernet.ts";
import { PROTOCOL_TCP, parseIpv4 } from "./ipv4.ts";

const TCP_HEADER_BYTES = 20;
const TCP_CHECKSUM_AT = 16;
const FLAGS_OF_LAST = 0x09; // FIN and PSH
const FLAG_CWR = 0x80;
const SEGMENT_BYTES_MIN = 64;

/** Can everybody believe `offload`? Fields in place, and only what really is TCP is to be cut. */
export function isSaneOffload(bytes: Uint8Array, offload: Offload): boolean {
  const { checksumOffset, checksumStart, segmentBytes } = offload;
  if (checksumStart < ETHERNET_HEADER_BYTES) return false;
  if (checksumStart + checksumOffset + 2 > bytes.length) return false;
  if (segmentBytes === 0) return true;
  const place = tcpIn(bytes);
  return (
    place !== undefined &&
    segmentBytes >= SEGMENT_BYTES_MIN &&
    place.tcp === checksumStart &&
    checksumOffset === TCP_CHECKSUM_AT
  );
}

interface TcpPlace {
  readonly ip: number;
  readonly tcp: number;
  readonly payload: number;
  readonly end: number;
}

function tcpIn(bytes: Uint8Array): TcpPlace | undefined {
  const { at, type } = payloadOf(bytes);
  const packet = type === TYPE_IPV4 ? parseIpv4(bytes, at) : undefined;
  if (packet?.protocol !== PROTOCOL_TCP || packet.isFragment) return undefined;
  const tcp = packet.payloadAt;
  if (tcp + TCP_HEADER_BYTES > packet.end) return undefined;
  const payload = tcp + ((bytes[tcp + 12] as number) >> 4) * 4;
  if (payload < tcp + TCP_HEADER_BYTES || payload > packet.end) return undefined;
  return { ip: packet.at, tcp, payload, end: packet.end };
}

/**
 * The frame as a plain card sends it: one frame, or the pieces of a long one. On a line whose packets have at most
 * `mtu` bytes, TCP whose sender leaves work to others is cut to fit.
 */
export function plainFrames(frame: Frame, mtu = Number.POSITIVE_INFINITY): Frame[] {
  const { bytes, offload } = frame;
  if (!offload) return [frame];
  const isLong = offload.segmentBytes > 0 || bytes.length > mtu;
  const place = isLong ? tcpIn(bytes) : undefined;
  const segmentBytes = place ? segmentIn(place, offload, mtu) : 0;
  if (!place || place.end - place.payload <= segmentBytes)
    return [{ bytes: withChecksum(bytes, offload) }];
  const pieces: Frame[] = [];
  for (let at = place.payload; at < place.end; at += segmentBytes) {
    const count = Math.min(segmentBytes, place.end - at);
    pieces.push({ bytes: piece(bytes, place, { at, count, index: pieces.length }) });
  }
  return pieces;
}

function segmentIn({ ip, payload }: TcpPlace, { segmentBytes }: Offload, mtu: number): number {
  const wanted = segmentBytes === 0 ? Number.POSITIVE_INFINITY : segmentBytes;
  return Math.max(SEGMENT_BYTES_MIN, Math.min(wanted, mtu - (payload - ip)));
}

function withChecksum(bytes: Uint8Array, { checksumOffset, checksumStart }: Offload): Uint8Array {
  const out = bytes.slice();
  const sum = ~fold(sumWords(out, checksumStart, out.length)) & 0xffff;
  put16(out, checksumStart + checksumOffset, sum === 0 ? 0xffff : sum);
  return out;
}

/** `count` bytes of payload from `at` on, under headers of their own. */
function piece(
  bytes: Uint8Array,
  place: TcpPlace,
  part: { readonly at: number; readonly count: number; readonly index: number },
): Uint8Array {
  const { end, ip, payload, tcp } = place;
  const { at, count, index } = part;
  const out = new Uint8Array(payload + count);
  out.set(bytes.subarray(0, payload));
  out.set(bytes.subarray(at, at + count), payload);
  put16(out, ip + 2, out.length - ip);
  put16(out, ip + 4, get16(bytes, ip + 4) + index);
  put16(out, ip + 10, 0);
  put16(out, ip + 10, checksum(out, ip, tcp));
  put32(out, tcp + 4, (get32(bytes, tcp + 4) + (at - payload)) >>> 0);
  const flags = out[tcp + 13] as number;
  const isLast = at + count === end;
  out[tcp + 13] = flags & ~(isLast ? 0 : FLAGS_OF_LAST) & ~(at === payload ? 0 : FLAG_CWR);
  put16(out, tcp + TCP_CHECKSUM_AT, 0);
  const sum = pseudoSum(out, ip, out.length - tcp);
  put16(out, tcp + TCP_CHECKSUM_AT, checksum(out, tcp, out.length, sum));
  return out;
}
