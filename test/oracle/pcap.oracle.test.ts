/** What passes a switch, written as pcap, and read by tshark: every protocol, checksums good, segments cut. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { gratuitousArp, rarpAnnouncement } from "../../ts/net/arp.ts";
import * as dhcp from "../../ts/net/dhcp.ts";
import { encodeDnsResponse, parseDnsQuery } from "../../ts/net/dns.ts";
import { tagged } from "../../ts/net/ethernet.ts";
import { echoReplyFrame } from "../../ts/net/icmp.ts";
import { MAC_BROADCAST } from "../../ts/net/mac.ts";
import { pcapHeader, pcapRecords } from "../../ts/net/pcap.ts";
import { udpFrame } from "../../ts/net/udp.ts";
import { encodeVxlan } from "../../ts/net/vxlan.ts";
import { mac, segmentOf } from "../net/fakes.ts";

const hasTshark = spawnSync("tshark", ["--version"]).status === 0;
const A = { mac: mac(1), ip: 0x0a00_020f };
const B = { mac: mac(2), ip: 0x0a00_0203 };

const CHECKS = ["ip.check_checksum", "tcp.check_checksum", "udp.check_checksum"];

function dissect(
  frames: readonly { readonly bytes: Uint8Array }[],
  fields: readonly string[],
): string[][] {
  const folder = mkdtempSync(join(tmpdir(), "wasmvisor-pcap-"));
  try {
    const file = join(folder, "x.pcap");
    const records = frames.map((frame, i) =>
      pcapRecords(frame, 1_700_000_000_123_456_000 + i * 1e6),
    );
    writeFileSync(file, Buffer.concat([pcapHeader(), ...records]));
    const options = CHECKS.flatMap((check) => ["-o", `${check}:TRUE`]);
    const columns = fields.flatMap((field) => ["-e", field]);
    const args = ["-r", file, ...options, "-T", "fields", ...columns, "-E", "separator=|"];
    const { status, stdout } = spawnSync("tshark", args, { encoding: "utf8" });
    expect(status).toBe(0);
    return stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.split("|"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe.skipIf(!hasTshark)("tshark (skipped unless it is installed)", () => {
  test("knows every kind of frame that we make", { timeout: 120_000 }, () => {
    const query = parseDnsQuery(
      Uint8Array.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 97, 2, 98, 99, 0, 0, 1, 0, 1]),
    );
    if (!query) throw new Error("not a query");
    const answer = encodeDnsResponse(query, { code: 0, answers: [dhcp.word32(0x7f00_0001)] });
    const offer = dhcp.encodeDhcp({
      ...{ isReply: true, xid: 9, flags: 0, clientIp: 0, yourIp: A.ip, mac: A.mac },
      options: new Map([
        [dhcp.OPTION_TYPE, Uint8Array.of(dhcp.OFFER)],
        [dhcp.OPTION_SERVER, dhcp.word32(B.ip)],
      ]),
    });
    const datagram = (sourcePort: number, targetPort: number, data: Uint8Array) => ({
      bytes: udpFrame(B, A, { sourcePort, targetPort, data }),
    });
    const rows = dissect(
      [
        { bytes: gratuitousArp(A.mac, A.ip) },
        { bytes: rarpAnnouncement(A.mac) },
        tagged({ bytes: gratuitousArp(A.mac, A.ip) }, 42),
        datagram(53, 3333, answer),
        datagram(67, 68, offer),
        datagram(50000, 4789, encodeVxlan(77, gratuitousArp(A.mac, A.ip))),
        { bytes: echoReplyFrame(B, A, Uint8Array.of(0, 1, 0, 2, 9, 9, 9)) },
      ],
      ["frame.protocols", "vlan.id", "dns.a", "dhcp.ip.your", "vxlan.vni", "icmp.checksum.status"],
    );
    expect(rows.map(([protocols]) => protocols)).toEqual([
      "eth:ethertype:arp",
      "eth:ethertype:arp",
      "eth:ethertype:vlan:ethertype:arp",
      "eth:ethertype:ip:udp:dns",
      "eth:ethertype:ip:udp:dhcp",
      "eth:ethertype:ip:udp:vxlan:eth:ethertype:arp",
      "eth:ethertype:ip:icmp:data",
    ]);
    expect(rows[2]?.[1]).toBe("42");
    expect(rows[3]?.[2]).toBe("127.0.0.1");
    expect(rows[4]?.[3]).toBe("10.0.2.15");
    expect(rows[5]?.[4]).toBe("77");
    expect(rows[6]?.[5]).toBe("1");
  });

  test("sees a long segment as the packets that it is on a line, with good sums", {
    timeout: 120_000,
  }, () => {
    const rows = dissect(
      [
        segmentOf(new Uint8Array(10_000).fill(5)),
        {
          bytes: udpFrame(
            A,
            { ...B, mac: MAC_BROADCAST },
            { sourcePort: 1, targetPort: 2, data: Uint8Array.of(1) },
          ),
        },
      ],
      [
        "tcp.len",
        "ip.checksum.status",
        "tcp.checksum.status",
        "udp.checksum.status",
        "tcp.seq_raw",
      ],
    );
    expect(rows.map((row) => row.join())).toEqual([
      ...Array.from({ length: 6 }, (_, i) => `1460,1,1,,${1 + 1460 * i}`),
      "1240,1,1,,8761",
      ",1,,1,",
    ]);
  });
});
