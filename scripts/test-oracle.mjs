// npm run test:oracle [-- NAME...]: the tests against real peers. Installs from Debian what is
// missing where it may (root and apt-get), else lists by name what will be skipped.
import { spawnSync } from "node:child_process";

/** A command, or a file, of each Debian package that the tests use. */
const peers = {
  "qemu-system-misc": "qemu-system-riscv64",
  "gcc-riscv64-linux-gnu": "riscv64-linux-gnu-gcc",
  "device-tree-compiler": "dtc",
  e2fsprogs: "mke2fs",
  chromium: "chromium",
  "redis-server": "redis-server",
  "wireguard-go": "wireguard-go",
  "wireguard-tools": "wg",
  "openvswitch-common": "ovs-ofctl",
  "openvswitch-switch": "ovs-vswitchd",
  "qemu-utils": "qemu-img",
  "libnbd-bin": "nbdcopy",
  nbdkit: "nbdkit",
  "iputils-ping": "ping",
  tshark: "tshark",
  bind9: "named",
  "bind9-dnsutils": "dig",
  "python3-pandas": "/usr/lib/python3/dist-packages/pandas/__init__.py",
  opensbi: "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_jump.elf",
};

const has = (command) =>
  spawnSync("sh", ["-c", `PATH=$PATH:/sbin:/usr/sbin command -v ${command}`]).status === 0;
const missing = () => Object.keys(peers).filter((name) => !has(peers[name]));
const apt = (...args) =>
  spawnSync("apt-get", args, {
    stdio: ["ignore", 2, 2],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  }).status === 0;

/** Installs what is missing; returns what still is. */
function provide() {
  const wanted = missing();
  if (wanted.length === 0 || process.getuid?.() !== 0 || !has("apt-get")) return wanted;
  console.error(`installing ${wanted.join(", ")}`);
  const options = ["install", "-y", "-qq", "--no-install-recommends"];
  if (!apt(...options, ...wanted)) {
    apt("update", "-qq");
    for (const name of wanted) apt(...options, name);
  }
  return missing();
}

const skipped = provide();
const args = process.argv.slice(2);
const { status } = spawnSync("node_modules/.bin/vitest", ["run", "--project", "oracle", ...args], {
  stdio: "inherit",
});
for (const name of skipped)
  console.log(`skipped what needs ${peers[name]}; get it with: apt-get install ${name}`);
process.exit(status ?? 1);
