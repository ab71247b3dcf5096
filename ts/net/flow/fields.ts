/**
 * What flow rules can look at (OpenFlow 1.3's OXM fields), and where each lies in a flow key: what a frame says of
 * itself, as words that are compared at once.
 *
 *    0 in_port     1 eth_type 16, vlan_pcp 3, vlan_vid 13     2 eth_dst, eth_src: upper 16 bits of each
 *    3 eth_dst     4 eth_src    5 ip_proto 8, ip_dscp 8, ip_ecn 8; or arp_op 16
 *    6 source: IPv4, ARP (7, 8: its hardware), or IPv6 (6 to 9)     10 target: likewise
 *   14 ports of TCP, UDP or SCTP; type and code of ICMP     15 metadata
 *
 * Fields that share a place never meet: each asks for its own `eth_type` or `ip_proto`.
 */

export const KEY_WORDS = 17;
export const KEY_IN_PORT = 0;
export const KEY_TYPE_VLAN = 1;
export const KEY_MAC_HIGH = 2;
export const KEY_ETH_DST = 3;
export const KEY_ETH_SRC = 4;
export const KEY_IP = 5;
export const KEY_SOURCE = 6;
export const KEY_TARGET = 10;
export const KEY_PORTS = 14;
export const KEY_METADATA = 15;

/** Bit of `vlan_vid` that says that there is a tag. */
export const VID_PRESENT = 0x1000;

/** Some bits of a word of the key. */
export interface FieldPart {
  readonly word: number;
  readonly shift: number;
  readonly bits: number;
}

/** What another field has to be, exactly: one of these. */
interface Need {
  readonly field: string;
  readonly values: readonly number[];
}

export interface Field {
  readonly name: string;
  /** Number in OXM's basic class. */
  readonly oxm: number;
  readonly bits: number;
  /** The upper bits first. */
  readonly parts: readonly FieldPart[];
  readonly isMaskable: boolean;
  readonly isSettable: boolean;
  readonly needs: readonly Need[];
  /** How deep a frame has to be looked into: 2 to 4. */
  readonly layer: number;
  readonly form: "number" | "hex" | "mac" | "ipv4" | "ipv6";
}

const part = (word: number, shift: number, bits: number): FieldPart => ({ word, shift, bits });
const words = (from: number, count: number): FieldPart[] =>
  Array.from({ length: count }, (_, i) => part(from + i, 0, 32));

type Shape = Partial<Pick<Field, "isMaskable" | "isSettable" | "needs" | "layer" | "form">>;

function field(name: string, oxm: number, parts: readonly FieldPart[], shape: Shape = {}): Field {
  const bits = parts.reduce((sum, one) => sum + one.bits, 0);
  const defaults = { isMaskable: false, isSettable: false, needs: [], layer: 2, form: "number" };
  return { name, oxm, parts, bits, ...(defaults as Required<Shape>), ...shape };
}

const type = (...values: number[]): Need => ({ field: "eth_type", values });
const protocol = (...values: number[]): Need => ({ field: "ip_proto", values });
const IP = [type(0x0800, 0x86dd)];
const IPV4 = [type(0x0800)];
const IPV6 = [type(0x86dd)];
const ARP = [type(0x0806)];
const port = (number: number): Shape => ({
  needs: [...IP, protocol(number)],
  isSettable: true,
  layer: 4,
});
const icmp = (needs: readonly Need[], number: number): Shape => ({
  needs: [...needs, protocol(number)],
  layer: 4,
});
const address = (needs: readonly Need[], form: Field["form"], isSettable = true): Shape => ({
  needs,
  form,
  isSettable,
  isMaskable: true,
  layer: 3,
});
const MAC: Shape = { form: "mac", isMaskable: true, isSettable: true };

export const FIELDS: readonly Field[] = [
  field("in_port", 0, [part(KEY_IN_PORT, 0, 32)]),
  field("metadata", 2, words(KEY_METADATA, 2), { isMaskable: true, form: "hex" }),
  field("eth_dst", 3, [part(KEY_MAC_HIGH, 16, 16), part(KEY_ETH_DST, 0, 32)], MAC),
  field("eth_src", 4, [part(KEY_MAC_HIGH, 0, 16), part(KEY_ETH_SRC, 0, 32)], MAC),
  field("eth_type", 5, [part(KEY_TYPE_VLAN, 16, 16)], { form: "hex" }),
  field("vlan_vid", 6, [part(KEY_TYPE_VLAN, 0, 13)], { isMaskable: true, isSettable: true }),
  field("vlan_pcp", 7, [part(KEY_TYPE_VLAN, 13, 3)], {
    needs: [{ field: "vlan_vid", values: [] }],
    isSettable: true,
  }),
  field("ip_dscp", 8, [part(KEY_IP, 8, 6)], { needs: IP, isSettable: true, layer: 3 }),
  field("ip_ecn", 9, [part(KEY_IP, 0, 2)], { needs: IP, isSettable: true, layer: 3 }),
  field("ip_proto", 10, [part(KEY_IP, 16, 8)], { needs: IP, layer: 3 }),
  field("ipv4_src", 11, [part(KEY_SOURCE, 0, 32)], address(IPV4, "ipv4")),
  field("ipv4_dst", 12, [part(KEY_TARGET, 0, 32)], address(IPV4, "ipv4")),
  field("tcp_src", 13, [part(KEY_PORTS, 16, 16)], port(6)),
  field("tcp_dst", 14, [part(KEY_PORTS, 0, 16)], port(6)),
  field("udp_src", 15, [part(KEY_PORTS, 16, 16)], port(17)),
  field("udp_dst", 16, [part(KEY_PORTS, 0, 16)], port(17)),
  field("icmpv4_type", 19, [part(KEY_PORTS, 16, 8)], icmp(IPV4, 1)),
  field("icmpv4_code", 20, [part(KEY_PORTS, 0, 8)], icmp(IPV4, 1)),
  field("arp_op", 21, [part(KEY_IP, 0, 16)], { needs: ARP, isSettable: true, layer: 3 }),
  field("arp_spa", 22, [part(KEY_SOURCE, 0, 32)], address(ARP, "ipv4")),
  field("arp_tpa", 23, [part(KEY_TARGET, 0, 32)], address(ARP, "ipv4")),
  field("arp_sha", 24, [part(KEY_SOURCE + 1, 0, 16), part(KEY_SOURCE + 2, 0, 32)], {
    ...address(ARP, "mac"),
  }),
  field("arp_tha", 25, [part(KEY_TARGET + 1, 0, 16), part(KEY_TARGET + 2, 0, 32)], {
    ...address(ARP, "mac"),
  }),
  field("ipv6_src", 26, words(KEY_SOURCE, 4), address(IPV6, "ipv6", false)),
  field("ipv6_dst", 27, words(KEY_TARGET, 4), address(IPV6, "ipv6", false)),
  field("icmpv6_type", 29, [part(KEY_PORTS, 16, 8)], icmp(IPV6, 58)),
  field("icmpv6_code", 30, [part(KEY_PORTS, 0, 8)], icmp(IPV6, 58)),
];

const byName = new Map(FIELDS.map((one) => [one.name, one]));
const byOxm = new Map(FIELDS.map((one) => [one.oxm, one]));

export const fieldCalled = (name: string): Field | undefined => byName.get(name);
export const fieldOfOxm = (oxm: number): Field | undefined => byOxm.get(oxm);

/** All bits of a field. */
export const fullMask = (one: Field): bigint => (1n << BigInt(one.bits)) - 1n;
