/**
 * Debian's own network stack on our cards, switches and user-mode network: it gets an address, reaches servers outside
 * and is reached, talks to its neighbours, and goes on talking while it moves to another host and back.
 */
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Host } from "../../ts/host/host.ts";
import type { VirtualMachine } from "../../ts/host/virtual-machine.ts";
import { pullDebian } from "../../ts/image/debian.ts";
import { type ResolvedImage, resolveImage } from "../../ts/image/store.ts";
import { freePort } from "../free-port.ts";
import { say, WAIT_MS } from "./debian-guest.ts";
import { told, twoHosts } from "./moving-fixture.ts";
import {
  bytesOf,
  fetchedRate,
  guestAt,
  inQemu,
  measuredSource,
  noise,
  serverOf,
  setUp,
  sha256,
} from "./network-fixture.ts";

const runs = (tool: string, ...args: string[]): boolean => spawnSync(tool, args).status === 0;
const hasApt = runs("apt-get", "--version");
const hasQemu = runs("qemu-system-riscv64", "--version");
const MIB = 2 ** 20;

describe.skipIf(!hasApt)("Debian's network (skipped unless apt is installed)", () => {
  let image: ResolvedImage;
  beforeAll(async () => {
    await pullDebian();
    image = await resolveImage("debian");
  }, 600_000);

  describe("a user-mode network", () => {
    let host: Host;
    let vm: VirtualMachine;
    beforeAll(async () => {
      host = await Host.create({ memory: "384MiB" });
      vm = await guestAt(host, "web", {
        ip: "10.0.2.15",
        networks: [{ kind: "user", forwards: [{ hostPort: 0, guestPort: 80 }] }],
      });
    }, WAIT_MS);
    afterAll(async () => {
      await host.close();
    });

    const forwardedPort = (): number =>
      Number(/:(\d+) ->/.exec(vm.info().networks[0]?.forwards[0] ?? "")?.[1]);

    test("gives the address that is kept for the card", { timeout: WAIT_MS }, async () => {
      const text = await say(vm, "udhcpc -i eth0 -n -q -f -s /bin/true 2>&1");
      expect(text).toContain("lease of 10.0.2.15 obtained from 10.0.2.2");
    });

    test("answers pings, names and closed ports", { timeout: WAIT_MS }, async () => {
      expect(await say(vm, "ping -c 2 10.0.2.2")).toContain("2 packets received");
      expect(await say(vm, "nslookup localhost 10.0.2.3 2>&1")).toContain("127.0.0.1");
      const closed = await serverOf(() => undefined);
      closed.close();
      expect(await say(vm, `nc 10.0.2.2 ${closed.port} </dev/null 2>&1`)).toContain("refused");
    });

    test("brings 4 MiB from a server outside, bit by bit", { timeout: WAIT_MS }, async () => {
      const bytes = noise(4 * MIB);
      const server = await serverOf((socket) => socket.end(bytes));
      const text = await say(vm, `nc 10.0.2.2 ${server.port} </dev/null | sha256sum`);
      server.close();
      expect(text).toContain(sha256(bytes));
    });

    test("takes a MiB to a server outside, bit by bit", { timeout: WAIT_MS }, async () => {
      let sent: Promise<Uint8Array> | undefined;
      const server = await serverOf((socket) => {
        sent = bytesOf(socket, MIB);
      });
      await say(vm, "dd if=/dev/urandom of=/dev/shm/x bs=1M count=1 2>/dev/null");
      const told = await say(vm, `sha256sum /dev/shm/x; nc 10.0.2.2 ${server.port} < /dev/shm/x`);
      const bytes = await (sent as unknown as Promise<Uint8Array>);
      server.close();
      expect(bytes.length).toBe(MIB);
      expect(told).toContain(sha256(bytes));
    });

    test("is reached through a port of the host", { timeout: WAIT_MS }, async () => {
      await say(
        vm,
        "mkdir -p /www; dd if=/dev/urandom of=/www/x bs=1M count=4 2>/dev/null; httpd -h /www",
      );
      const answer = await fetch(`http://127.0.0.1:${forwardedPort()}/x`);
      const bytes = new Uint8Array(await answer.arrayBuffer());
      expect(await say(vm, "sha256sum /www/x")).toContain(sha256(bytes));
      expect(bytes.length).toBe(4 * MIB);
    });

    test("moves large files both ways; the rates are printed, beside QEMU's", {
      timeout: 3 * WAIT_MS,
    }, async () => {
      if (!hasQemu) return;
      const rates = { out: [] as number[], in: [] as number[], qemuOut: 0, qemuIn: 0 };
      const bytes = 24 * MIB; // The root of the guest is a tmpfs: half its memory.
      const make = `mkdir -p /www; dd if=/dev/zero of=/www/big bs=1M count=${bytes / MIB} 2>/dev/null`;
      const take = (port: number): string => `wget -q -O /dev/null http://10.0.2.2:${port}/`;
      await say(vm, make);
      const ours = async (): Promise<void> => {
        rates.out.push(await fetchedRate(forwardedPort(), "/big"));
        const source = await measuredSource(bytes);
        expect(await say(vm, take(source.port))).toContain("done 0"); // It has counted the bytes.
        rates.in.push(await source.rate);
        source.close();
      };
      await ours();
      const source = await measuredSource(bytes);
      const port = await freePort();
      const command = `${setUp("10.0.2.15")}; ${make}; ${take(source.port)}; httpd -f -p 80 -h /www`;
      const stop = inQemu(image, command, port);
      rates.qemuIn = await source.rate;
      rates.qemuOut = await fetchedRate(port, "/big");
      stop();
      source.close();
      await ours();
      const best = (all: readonly number[]): number => Math.max(...all);
      const ratios = [best(rates.out) / rates.qemuOut, best(rates.in) / rates.qemuIn] as const;
      process.stderr.write(
        `network: MB/s out ${rates.out.map(Math.round)} QEMU ${Math.round(rates.qemuOut)} (x ${ratios[0].toFixed(2)}), ` +
          `in ${rates.in.map(Math.round)} QEMU ${Math.round(rates.qemuIn)} (x ${ratios[1].toFixed(2)})\n`,
      );
      for (const rate of [...rates.out, ...rates.in]) expect(rate).toBeGreaterThan(0);
    });
  });

  test("neighbours on a switch talk, those on another VLAN do not", {
    timeout: 2 * WAIT_MS,
  }, async () => {
    await using host = await Host.create({ memory: "1GiB" });
    const on = (vlan: number) => [{ kind: "switch", switch: "office", vlan }] as const;
    const a = await guestAt(host, "a", { ip: "10.0.2.21", networks: on(10) });
    const b = await guestAt(host, "b", { ip: "10.0.2.22", networks: on(10) });
    const c = await guestAt(host, "c", { ip: "10.0.2.23", networks: on(20) });
    expect(await say(a, "ping -c 2 10.0.2.22")).toContain("2 packets received");
    expect(await say(c, "ping -c 2 -W 1 10.0.2.22")).toContain(" 0 packets received");
    const made =
      "mkdir /www; dd if=/dev/urandom of=/www/x bs=1M count=4 2>/dev/null; httpd -h /www";
    const sum = /[0-9a-f]{64}/.exec(await say(b, `${made}; sha256sum /www/x`))?.[0] ?? "none";
    expect(await say(a, "wget -q -O - http://10.0.2.22/x | sha256sum")).toContain(sum);
  });

  test("connections go on while the guest moves to another host and back", {
    timeout: 3 * WAIT_MS,
  }, async () => {
    await using hosts = await twoHosts();
    await hosts.joinLans();
    const mover = await hosts.mover();
    await mover.move(4);
    told("network", mover, 4);
    mover.socket.destroy();
    expect(hosts.home.vm("mover").info().networks[0]?.addresses).toEqual(["10.0.2.15"]);
  });
});
