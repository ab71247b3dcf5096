/** What the guests of a soak do: each tells now and then on its console what time it thinks it is. */
import { join } from "node:path";
import type { CreateVmOptions } from "../../ts/host/vm-config.ts";

export interface Workload {
  readonly guest: CreateVmOptions;
  /** The base guest is ready when its console shows this. */
  readonly ready: RegExp;
  /** Typed into the guest of slot `index` before it begins. */
  readonly begin: (index: number) => string;
  /** What to type to be told the time at once, and what comes then. */
  readonly ask?: { readonly text: string; readonly answer: RegExp } | undefined;
  /** A line with the guest's own time in its first group. */
  readonly beat: RegExp;
  /** Units of that time in a second. */
  readonly perSecond: number;
}

/** One short job a round: hashes, files in memory, pipes, forks, the shell itself. */
const JOBS = [
  "md5sum /bin/busybox >/tmp/m",
  "dd if=/dev/urandom of=/tmp/f bs=64k count=8 2>/dev/null",
  "gzip -c /bin/busybox | gunzip | md5sum >/tmp/m",
  "find / -xdev | sort | tail -1 >/tmp/m",
  "n=0; while [ $n -lt 300 ]; do n=$((n+1)); done",
  "ps >/tmp/m; ls -lR /lib /proc/1 >/tmp/l; rm /tmp/l",
] as const;
const UPTIME = "cut -d' ' -f1 /proc/uptime";

/** Debian's kernel with a shell that works a little and sleeps a minute or two. */
export const linux: Workload = {
  guest: { name: "base", image: "debian", memory: "96MiB", clock: "virtual" },
  ready: /\/ # $/,
  begin: (index) =>
    `mkdir -p /tmp; while :; do ${JOBS[index % JOBS.length]}; echo beat $(${UPTIME}); ` +
    `sleep ${60 + ((index * 7) % 61)}; done &\n`,
  ask: { text: `echo "ti""me" $(${UPTIME})\n`, answer: /time (\d+\.\d+)\r?$/ },
  beat: /beat (\d+\.\d+)\r?$/,
  perSecond: 1,
};

/** The page dirtier of `guests/`: no kernel, ready in no time. */
export const tiny: Workload = {
  guest: {
    name: "base",
    kernel: join(process.cwd(), "guests/bin/dirtier.elf"),
    memory: "8MiB",
    clock: "virtual",
    mips: 20,
    append: "fill=1MiB ws=512KiB rate=500 heartbeat=250 idle=sleep",
  },
  ready: /ready/,
  begin: () => "",
  beat: /^hb \d+ (\d+)\r?$/,
  perSecond: 1e6,
};
