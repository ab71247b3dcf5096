/** Debian writes a file of a mounted share in a loop while it moves between hosts that have the directory at different places. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Daemon } from "../../ts/host/daemon/server.ts";
import { Host } from "../../ts/host/host.ts";
import { pullDebian } from "../../ts/image/debian.ts";
import { bootDebian, say, WAIT_MS } from "./debian-guest.ts";

const hasApt = spawnSync("apt-get", ["--version"]).status === 0;
const MOVES = 4;
const MOUNT = "mkdir -p /s; mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 data /s";
/** Two files stay open all the time: one that only grows, and one that each line is read back from. */
const WRITER =
  "(i=0; while [ ! -e /s/stop ]; do echo $i >&5; read -r got <&6; " +
  '[ "$got" = "$i" ] || echo "wrong: $got for $i" >>/s/errors; i=$((i+1)); done; echo $i >/s/count) &';

test.skipIf(!hasApt)(
  "a file that is written in a loop has every line after moves to and fro (skipped unless apt is installed)",
  { timeout: 3 * WAIT_MS },
  async () => {
    await pullDebian();
    const base = fs.mkdtempSync(join(tmpdir(), "wasmvisor-share-moves-"));
    const share = join(base, "share");
    fs.mkdirSync(share);
    fs.symlinkSync(share, join(base, "mnt"));
    const lines = (): string[] => fs.readFileSync(join(share, "log"), "utf8").split("\n");
    try {
      await using home = await Host.create({ memory: "384MiB" });
      await using away = await Host.create({
        memory: "384MiB",
        shareMap: { [share]: join(base, "mnt") },
      });
      const [here, there] = await Promise.all(
        [home, away].map((host) => Daemon.listen(host, { listen: "tcp://127.0.0.1:0" })),
      );
      const vm = await bootDebian(home, { name: "deb", shares: [{ path: share, tag: "data" }] });
      expect(await say(vm, MOUNT)).toContain("done 0");
      await say(vm, `exec 5>/s/log 6</s/log; ${WRITER} cd /s`);
      const more = async (): Promise<void> => {
        const from = lines().length;
        for (const end = Date.now() + WAIT_MS; lines().length < from + 20; ) {
          if (Date.now() > end) throw new Error("the guest writes no more");
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      };
      await more();
      for (let i = 0; i < MOVES; i++) {
        const [from, to] = i % 2 === 0 ? [home, there] : [away, here];
        const { error, state } = await from.vm("deb").migrate(to?.address as string);
        expect([error?.message, state]).toEqual([undefined, "completed"]);
        await more();
      }
      const back = home.vm("deb");
      // Where it works goes along, and so do names that are walked from there.
      expect(await say(back, "touch stop; wait; pwd; cat count; ls")).toMatch(
        /\/s\r?\n\d+\r?\ncount +log +stop/,
      );
      const count = Number(fs.readFileSync(join(share, "count"), "utf8"));
      const written = lines();
      expect(written.pop()).toBe("");
      expect(written).toEqual(Array.from({ length: count }, (_, i) => String(i)));
      expect(fs.existsSync(join(share, "errors"))).toBe(false);
      process.stderr.write(`shares: ${count} lines over ${MOVES} moves\n`);
      await Promise.all([here?.close(), there?.close()]);
    } finally {
      fs.rmSync(base, { recursive: true, force: true });
    }
  },
);
