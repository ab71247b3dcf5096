/**
 * The first program of a pulled image: `/init`, a busybox shell script. It says one line, loads
 * drivers for exactly the devices that are there, and hands over.
 *
 * Kernel command line:
 *   console=hvc0      the console is virtio-console (its bus driver is loaded before the first line)
 *   wv.exec=COMMAND   run it (`%20` for a space, any %XX), print `wasmvisor: exit status N`, power off
 *   wv.modules=a,b    load these too, with what they depend on
 *   wv.hostname=NAME
 */

/** The line that says that user space runs; tests and `--until` wait for it. */
export const INIT_LINE = "wasmvisor: init reached";

/** Virtio device ids (virtio 1.2, section 5) and the modules that drive them. */
const DRIVERS: readonly (readonly [id: number, modules: string])[] = [
  [1, "virtio_net"],
  [2, "virtio_blk"],
  [4, "virtio_rng"],
  [5, "virtio_balloon"],
  [9, "9pnet_virtio 9p"],
];

/** Every module that an image carries by default; what they depend on is added. */
export const DEFAULT_MODULES: readonly string[] = Object.freeze([
  "virtio_mmio",
  ..."virtio_blk crc32c_generic crc16 mbcache jbd2 ext4".split(" "),
  ..."virtio_net virtio_balloon virtio_rng 9pnet_virtio 9p overlay kvm".split(" "),
]);

const driverCases = DRIVERS.map(
  ([id, modules]) =>
    `    0x${id.toString(16).padStart(4, "0")}) for m in ${modules}; do load "$m"; done ;;`,
).join("\n");

/** The text of `/init`. Plain POSIX shell as busybox ash has it; no fork where a builtin does. */
export const INIT_SCRIPT = `#!/bin/sh
# First program of a wasmvisor image. See the project's ts/image/init-script.ts.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root TERM=vt100

# load NAME: insert a module after those it depends on. Each is tried once.
loaded=" "
load() {
  case "$loaded" in *" $1 "*) return 0 ;; esac
  loaded="$loaded$1 "
  [ -f "/lib/modules/wv/$1.dep" ] || { echo "wasmvisor: no module $1" >&2; return 1; }
  local needed=
  read -r needed < "/lib/modules/wv/$1.dep"
  local one
  for one in $needed; do load "$one"; done
  insmod "/lib/modules/wv/$1.ko"
}

# drive: load the driver of every virtio device on the bus.
drive() {
  local file id
  for file in /sys/bus/virtio/devices/*/device; do
    [ -f "$file" ] || continue
    read -r id < "$file"
    case "$id" in
${driverCases}
    esac
  done
}

# is_ext DEVICE: the magic number of the ext2/3/4 super block.
is_ext() {
  [ "$(dd if="$1" bs=2 skip=540 count=1 2>/dev/null | hexdump -e '1/2 "%04x"')" = ef53 ]
}

mount -t proc proc /proc
read -r cmdline < /proc/cmdline
case " $cmdline " in
  *" console=hvc"*) is_late=1 ;;
  *) is_late=; echo "${INIT_LINE}" ;;
esac
mount -t devtmpfs devtmpfs /dev 2>/dev/null
mount -t sysfs sysfs /sys

for node in /proc/device-tree/virtio_mmio@* /proc/device-tree/*/virtio_mmio@*; do
  [ -e "$node" ] && { load virtio_mmio; break; }
done
if [ -n "$is_late" ]; then
  # The port appears a moment after its bus; until then /dev/console is another device.
  tries=0
  while read -r active < /sys/class/tty/console/active && [ "\${active%%hvc*}" = "$active" ]; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || break
    usleep 20000
  done
  exec < /dev/console > /dev/console 2>&1
  echo "${INIT_LINE}"
fi
drive

name=wasmvisor
command=
for word in $cmdline; do
  case "$word" in
    wv.hostname=*) name="\${word#*=}" ;;
    wv.exec=*) command="\${word#*=}" ;;
    wv.modules=*) IFS=,; for m in \${word#*=}; do unset IFS; load "$m"; done; unset IFS ;;
  esac
done
echo "$name" > /proc/sys/kernel/hostname

mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
if [ -b /dev/vda ] && is_ext /dev/vda; then
  load crc32c_generic
  load ext4
  mount -t ext4 /dev/vda /mnt 2>/dev/null ||
    mount -t ext4 -o ro /dev/vda /mnt ||
    echo "wasmvisor: /dev/vda was not mounted" >&2
fi

cd /
if [ -n "$command" ]; then
  command="$(printf '%b' "$(echo "$command" | sed 's/%\\([0-9A-Fa-f][0-9A-Fa-f]\\)/\\\\x\\1/g')")"
  setsid cttyhack sh -c "$command"
  echo "wasmvisor: exit status $?"
else
  setsid cttyhack sh
fi
sync
umount /mnt 2>/dev/null
poweroff -f
`;
