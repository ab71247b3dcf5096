/** What `npm run bench -- network-moves` does, with fewer moves: Debian's redis under load, and a transfer. */
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { benchNetworkMoves } from "../../bench/network-moves.ts";
import { pullDebian } from "../../ts/image/debian.ts";
import { ROOT } from "../host/daemon-process.ts";
import { WAIT_MS } from "./debian-guest.ts";

const hasApt = spawnSync("apt-get", ["--version"]).status === 0;
const MOVES = 3;

test.skipIf(!hasApt)(
  "redis and a transfer go on while their guest moves to and fro, without a reset or another byte (skipped unless apt is installed)",
  { timeout: 3 * WAIT_MS },
  async () => {
    await pullDebian();
    const lines: string[] = [];
    // It throws when a connection ends or a byte differs.
    const rows = await benchNetworkMoves({
      root: ROOT,
      runs: MOVES,
      only: [],
      runOptions: [],
      timeoutSec: WAIT_MS / 1000,
      time: "wall",
      size: "quick",
      log: (line) => void lines.push(line),
    });
    expect(rows.map(({ bench, ours }) => [bench, ours.runs])).toEqual([
      ["network-moves/stall", MOVES],
      ["network-moves/downtime", MOVES],
    ]);
    const [, answers, megabytes] =
      /(\d+) answers of redis and ([\d.]+) MB verified, no connection was reset/.exec(
        lines.at(-1) ?? "",
      ) ?? [];
    // Eight after each move at least, however busy the machine is.
    expect(Number(answers)).toBeGreaterThanOrEqual(8 * MOVES);
    expect(Number(megabytes)).toBeGreaterThan(0);
    process.stderr.write(`${lines.at(-1)}\n`);
  },
);
