/** MAC addresses: integers of 48 bits, which JavaScript's numbers hold exactly. */
import { WasmvisorError } from "../base/errors.ts";
import { get16, get32, put16, put32 } from "./bytes.ts";

export const MAC_BROADCAST = 0xffff_ffff_ffff;
const TWO_32 = 0x1_0000_0000;

export const getMac = (bytes: Uint8Array, at: number): number =>
  get16(bytes, at) * TWO_32 + get32(bytes, at + 2);

export function putMac(bytes: Uint8Array, at: number, mac: number): void {
  put16(bytes, at, Math.floor(mac / TWO_32));
  put32(bytes, at + 2, mac % TWO_32);
}

/** For a group of stations, or all. */
export const isGroup = (mac: number): boolean => (Math.floor(mac / 2 ** 40) & 1) === 1;

export function macBytes(mac: number): Uint8Array {
  const bytes = new Uint8Array(6);
  putMac(bytes, 0, mac);
  return bytes;
}

export const formatMac = (mac: number): string =>
  (mac.toString(16).padStart(12, "0").match(/../g) ?? []).join(":");

/** A station's address from text like `52:54:00:12:34:56`. Throws `WV_CONFIG`. */
export function parseMac(text: string, what = "mac"): number {
  const isText = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text);
  const mac = isText ? Number.parseInt(text.replaceAll(":", ""), 16) : Number.NaN;
  if (isText && mac !== 0 && !isGroup(mac)) return mac;
  throw new WasmvisorError(
    "WV_CONFIG",
    `${what}: expected six bytes like 52:54:00:12:34:56 that are no group's, got "${text}"`,
  );
}
