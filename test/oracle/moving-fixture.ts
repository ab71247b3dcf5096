/** Two hosts, and a Debian guest that answers while it moves between them. */
import type { Socket } from "node:net";
import { expect } from "vitest";
import { Daemon } from "../../ts/host/daemon/server.ts";
import { Host } from "../../ts/host/host.ts";
import type { VirtualMachine } from "../../ts/host/virtual-machine.ts";
import { say } from "./debian-guest.ts";
import { connected, echoOf, guestAt, noise } from "./network-fixture.ts";

const ROUNDS = 20;

interface Mover {
  readonly vm: VirtualMachine;
  readonly socket: Socket;
  readonly echoed: ReturnType<typeof echoOf>;
  /** There, back, there and so on; it echoes before, between and behind. */
  readonly move: (moves: number) => Promise<void>;
}

/** Each with a daemon. */
export async function twoHosts() {
  const home = await Host.create({ memory: "384MiB" });
  const away = await Host.create({ memory: "384MiB", seed: 2 });
  const there = await Daemon.listen(away, { listen: "tcp://127.0.0.1:0" });
  const here = await Daemon.listen(home, { listen: "tcp://127.0.0.1:0" });
  const [ours, theirs] = [here.address, there.address];

  /** Lans are one, and the home's gateway leads outside. */
  async function joinLans(): Promise<void> {
    const listen = { address: "127.0.0.1", port: 0 };
    const port = await away.joinNetwork({ listen, peers: [], gateway: "peer" });
    const back = await home.joinNetwork({ listen, peers: [{ address: "127.0.0.1", port }] });
    away.networks.addPeer("lan", { address: "127.0.0.1", port: back });
  }

  /** A guest at home whose echo a client outside asks. */
  async function mover(): Promise<Mover> {
    const vm = await guestAt(home, "mover", {
      ip: "10.0.2.15",
      networks: [{ kind: "lan", forwards: [{ hostPort: 0, guestPort: 7 }] }],
    });
    await say(vm, "(while true; do nc -l -p 7 -e cat; done) & sleep 1");
    const socket = await connected(forwardOf(vm));
    const echoed = echoOf(socket, noise(32768));
    const move = async (moves: number): Promise<void> => {
      await echoed.rounds(ROUNDS);
      for (let i = 0; i < moves; i++) {
        const [from, to] = i % 2 === 0 ? [home, theirs] : [away, ours];
        const { error, state } = await from.vm("mover").migrate(to, { strategy: "pre-copy" });
        expect([error?.message, state]).toEqual([undefined, "completed"]);
        await echoed.rounds(ROUNDS);
      }
    };
    return { vm, socket, echoed, move };
  }

  async function close(): Promise<void> {
    for (const one of [there, here, home, away]) await one.close();
  }
  return { home, away, joinLans, mover, [Symbol.asyncDispose]: close };
}

/** The port of this machine that leads to the guest's. */
export const forwardOf = (vm: VirtualMachine): number =>
  Number(/:(\d+) ->/.exec(vm.info().networks[0]?.forwards[0] ?? "")?.[1]);

/** What is known of how it went. */
export const told = (what: string, { echoed }: Mover, moves: number): void => {
  process.stderr.write(
    `${what}: ${echoed.count} echoes of 32 KiB over ${moves} moves, longest ${Math.round(echoed.longestMs)} ms\n`,
  );
};
