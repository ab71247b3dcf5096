/**
 * Which commands a busybox binary offers. The applet names stand in the binary as one sorted,
 * NUL-separated table that starts with `[` and `[[`; asking the binary itself would take an
 * emulator.
 */
import { compareText } from "./cpio.ts";

const TABLE_START = Buffer.from("\0[\0[[\0", "latin1");
const APPLET_COUNT_MAX = 1000;

/** What /init and a plain shell session need; used when no table is found. */
const BASIC_APPLETS = (
  "[ ash cat chmod cp cttyhack cut date dd df dmesg echo env false find free grep head hexdump " +
  "hostname id insmod ip kill ln ls lsmod mkdir mknod modprobe more mount mv od poweroff printf " +
  "ps pwd reboot rm rmdir rmmod sed setsid sh sleep sort stty sync tail test time top touch tr " +
  "true umount uname uptime vi wc xargs"
).split(" ");

/** The applet names of a busybox binary, sorted; a basic set when its table cannot be read. */
export function readApplets(busybox: Uint8Array): readonly string[] {
  const bytes = Buffer.from(busybox.buffer, busybox.byteOffset, busybox.byteLength);
  const start = bytes.indexOf(TABLE_START);
  if (start < 0) return BASIC_APPLETS;
  const names: string[] = [];
  let at = start + 1;
  while (names.length < APPLET_COUNT_MAX) {
    const end = bytes.indexOf(0, at);
    const name = end < 0 ? "" : bytes.toString("latin1", at, end);
    const previous = names.at(-1) ?? "";
    if (!/^[a-z0-9_.[-]{1,32}$/i.test(name) || compareText(previous, name) >= 0) break;
    names.push(name);
    at = end + 1;
  }
  return names.includes("sh") && names.includes("insmod") ? names : BASIC_APPLETS;
}
