/**
 * A guest with servers moves to another host and back, ten times, while clients outside go on: redis-benchmark,
 * clients of our own that look at every answer of its redis, and a transfer whose hash it says in the end. Two
 * daemons whose lans are joined by VXLAN; the first has the gateway, where the clients' ports are. --runs is the
 * number of moves. A connection that is reset, or a byte that is another one, fails the bench.
 */
import { spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import type { RemoteOutcome } from "../ts/host/daemon/client.ts";
import { type DaemonProcess, killDaemon, startDaemon } from "./daemons.ts";
import { doWork, provideTools } from "./guest-tools.ts";
import { type BenchRow, rowOf } from "./harness.ts";
import { type BenchOptions, provideImage } from "./machines.ts";
import { HashedTransfer, RedisLoad } from "./network-load.ts";

const MEMORY_MIB = 256;
const MOVES = 10;
const CONNECTIONS = 4;
const REST_MS = { whole: 1500, quick: 300 } as const;
const REDIS_PORT = 6379;
const TRANSFER_PORT = 9;

/** What the guest does: `sh /work`. */
const SERVERS = {
  packages: ["redis-server"],
  script: `
ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
redis-server --save "" --appendonly no --protected-mode no --bind 0.0.0.0 --loglevel warning &
while true; do nc -l -p ${TRANSFER_PORT} -e sha256sum; done &
until redis-cli ping 2>/dev/null | grep -q PONG; do sleep 1; done
echo servers are up
wait
`,
};

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** UDP ports of loopback that are free now. */
async function freePorts(): Promise<[number, number]> {
  const sockets = [createSocket("udp4"), createSocket("udp4")] as const;
  const ports: number[] = [];
  for (const socket of sockets) {
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    ports.push(socket.address().port);
  }
  for (const socket of sockets) socket.close();
  return ports as [number, number];
}

async function joinedHosts(root: string): Promise<[DaemonProcess, DaemonProcess]> {
  const memory = `${MEMORY_MIB + 64}MiB`;
  const [here, there] = (await freePorts()).map((port) => `127.0.0.1:${port}`) as [string, string];
  const lan = (own: string, other: string) => ["--lan-listen", own, "--lan-peer", other];
  return [
    await startDaemon({ root, memory, more: lan(here, there) }),
    await startDaemon({ root, memory, more: [...lan(there, here), "--lan-gateway", "peer"] }),
  ];
}

/** Where clients outside find the guest's servers. */
async function startServers(
  { client }: DaemonProcess,
  options: BenchOptions,
): Promise<{ readonly redis: number; readonly transfer: number }> {
  const image = await provideImage(options);
  const initrd = await provideTools(image, SERVERS, options.log);
  const forwards = [REDIS_PORT, TRANSFER_PORT].map((guestPort) => ({ hostPort: 0, guestPort }));
  await client.create({
    name: "g",
    kernel: image.kernel,
    initrd,
    append: `${image.cmdline} quiet ${doWork()}`,
    memory: `${MEMORY_MIB}MiB`,
    networks: [{ kind: "lan", forwards }],
  });
  await client.act("g", "start");
  const { head, socket } = await client.console("g");
  const timer = setTimeout(() => socket.destroy(), options.timeoutSec * 1e3);
  let text = head.toString("latin1");
  for await (const part of socket) {
    text += (part as Buffer).toString("latin1");
    if (text.includes("servers are up")) break;
  }
  clearTimeout(timer);
  socket.destroy();
  const ports = (await client.info("g")).networks[0]?.forwards.map((forward) =>
    Number(/:(\d+) ->/.exec(forward)?.[1]),
  );
  const [redis, transfer] = ports ?? [];
  if (!text.includes("servers are up") || !redis || !transfer)
    throw new Error(`network-moves: no servers:\n${text.slice(-1000)}`);
  return { redis, transfer };
}

/** redis-benchmark, again and again; it ends itself when a connection breaks. */
function benchmarking(port: number) {
  if (spawnSync("redis-benchmark", ["--version"]).status !== 0) return undefined;
  const args = ["-p", String(port), "-l", "-q", "-c", "4", "-t", "set,get,incr", "-d", "256"];
  const child = spawn("redis-benchmark", [...args, "-n", "2000"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (part) => {
      text = (text + String(part)).slice(-2000);
    });
  return {
    check(): void {
      if (child.exitCode !== null || /error|reset/i.test(text))
        throw new Error(`redis-benchmark: ${text.slice(-300)}`);
    },
    stop: () => void child.kill("SIGKILL"),
  };
}

export async function benchNetworkMoves(options: BenchOptions): Promise<BenchRow[]> {
  const { log, root, runs = MOVES, size } = options;
  const hosts = await joinedHosts(root);
  const figures = { stalls: [] as number[], downtimes: [] as number[] };
  try {
    const ports = await startServers(hosts[0], options);
    const benchmark = benchmarking(ports.redis);
    const load = await RedisLoad.start(ports.redis, CONNECTIONS);
    const transfer = await HashedTransfer.start(ports.transfer);
    for (let move = 1; move <= runs; move++) {
      await sleep(REST_MS[size]);
      const before = { count: load.count, bytes: transfer.bytes, longest: load.takeLongestMs() };
      const [from, to] = hosts;
      const outcome = await from.client.migrate("g", {
        target: to.client.address,
        strategy: "pre-copy",
      });
      hosts.reverse();
      const downtimeMs = downtimeOf(outcome);
      await answeredAgain(load);
      await sleep(REST_MS[size]);
      benchmark?.check();
      const stall = load.takeLongestMs();
      figures.stalls.push(stall);
      figures.downtimes.push(downtimeMs);
      log(
        `network-moves: move ${move} of ${runs}: longest answer ${stall.toFixed(0)} ms (before ${before.longest.toFixed(0)}), ` +
          `downtime ${downtimeMs.toFixed(0)} ms; ${load.count - before.count} SET + GET, ${((transfer.bytes - before.bytes) / 1e6).toFixed(1)} MB`,
      );
    }
    benchmark?.stop();
    const { count } = load;
    load.stop();
    await transfer.stop();
    log(
      `network-moves: ${runs} moves, ${count} answers of redis and ${(transfer.bytes / 1e6).toFixed(1)} MB verified, no connection was reset`,
    );
  } finally {
    for (const host of hosts) await killDaemon(host);
  }
  return [["stall", figures.stalls] as const, ["downtime", figures.downtimes] as const].map(
    ([name, ours]) => rowOf({ bench: `network-moves/${name}`, unit: "ms", better: "lower", ours }),
  );
}

function downtimeOf({ state, stats }: RemoteOutcome): number {
  if (state !== "completed") throw new Error(`network-moves: the migration: ${state}`);
  return stats.downtime;
}

/** Every connection has had an answer since. */
async function answeredAgain(load: RedisLoad): Promise<void> {
  const until = load.count + 2 * CONNECTIONS;
  while (load.count < until) await sleep(5);
}
