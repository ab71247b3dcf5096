/** Addresses: given, kept, taken back; and what a client that makes others up can take. */
import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../ts/base/clock.ts";
import * as dhcp from "../../ts/net/dhcp.ts";
import { DhcpServer } from "../../ts/net/user/dhcp-server.ts";
import { DEFAULT_SUBNET } from "../../ts/net/user/subnet.ts";
import { mac } from "./fakes.ts";

const FIRST = DEFAULT_SUBNET.firstLease;
const COUNT = DEFAULT_SUBNET.lastLease - FIRST + 1;

function scene() {
  const clock = new VirtualClock();
  const server = new DhcpServer({ subnet: DEFAULT_SUBNET, mtu: 1500, clock });
  const say = (client: number, type: number, asked?: number, source = client) => {
    const options = new Map<number, Uint8Array>([[dhcp.OPTION_TYPE, Uint8Array.of(type)]]);
    if (asked !== undefined) options.set(dhcp.OPTION_REQUESTED_IP, dhcp.word32(asked));
    const fields = { isReply: false, xid: 7, flags: 0, clientIp: 0, yourIp: 0 };
    const bytes = dhcp.encodeDhcp({ ...fields, mac: client, options });
    const message = dhcp.parseDhcp(bytes) as dhcp.DhcpMessage;
    const reply = server.answer(message, { mac: source });
    return reply && { type: reply.options.get(dhcp.OPTION_TYPE)?.[0], ip: reply.yourIp, reply };
  };
  return { clock, server, say };
}

test("offers, grants what it offered, and says all that a client needs", () => {
  const { say } = scene();
  expect(say(mac(1), dhcp.DISCOVER)).toMatchObject({ type: dhcp.OFFER, ip: FIRST });
  const granted = say(mac(1), dhcp.REQUEST, FIRST);
  expect(granted).toMatchObject({ type: dhcp.ACKNOWLEDGE, ip: FIRST });
  const options = granted?.reply.options;
  expect(options?.get(dhcp.OPTION_ROUTER)).toEqual(Uint8Array.of(10, 0, 2, 2));
  expect(options?.get(dhcp.OPTION_DNS)).toEqual(Uint8Array.of(10, 0, 2, 3));
  expect(options?.get(dhcp.OPTION_MASK)).toEqual(Uint8Array.of(255, 255, 255, 0));
  expect(options?.get(dhcp.OPTION_MTU)).toEqual(Uint8Array.of(5, 220));
  expect(say(mac(2), dhcp.DISCOVER)?.ip).toBe(FIRST + 1);
});

test("a client that comes back gets what it had; one that asks for another's is refused", () => {
  const { say } = scene();
  say(mac(1), dhcp.DISCOVER);
  say(mac(1), dhcp.REQUEST, FIRST);
  expect(say(mac(1), dhcp.DISCOVER)?.ip).toBe(FIRST);
  expect(say(mac(2), dhcp.REQUEST, FIRST)?.type).toBe(dhcp.REFUSE);
  expect(say(mac(2), dhcp.REQUEST, DEFAULT_SUBNET.gateway)?.type).toBe(dhcp.REFUSE);
});

describe("starvation", () => {
  test("a card cannot ask for others", () => {
    const { say, server } = scene();
    for (let i = 0; i < 1000; i++)
      expect(say(mac(1000 + i), dhcp.DISCOVER, undefined, mac(1))).toBeUndefined();
    expect(server.metrics().leases).toBe(0);
  });

  test("many cards take what there is, no more; offers come back, cards of the host are served", () => {
    const { clock, say, server } = scene();
    expect(server.reserve(mac(1))).toBe(FIRST);
    for (let i = 0; i < 1000; i++) say(mac(1000 + i), dhcp.DISCOVER);
    expect(server.metrics()).toMatchObject({ leases: COUNT - 1, exhausted: 1000 - (COUNT - 1) });
    expect(say(mac(1), dhcp.DISCOVER)?.ip).toBe(FIRST);
    clock.advance(31e9);
    expect(say(mac(5), dhcp.DISCOVER)?.type).toBe(dhcp.OFFER);
  });
});

test("an address that was given back, or found in use, goes to others: at once, or later", () => {
  const { clock, say, server } = scene();
  say(mac(1), dhcp.DISCOVER);
  say(mac(1), dhcp.REQUEST, FIRST);
  say(mac(1), dhcp.DECLINE);
  expect(say(mac(2), dhcp.DISCOVER)?.ip).toBe(FIRST + 1);
  clock.advance(601e9);
  expect(say(mac(3), dhcp.DISCOVER)?.ip).toBe(FIRST);
  server.forget(mac(2));
  expect(server.addressOf(mac(2))).toBeUndefined();
});

test("a guest that came with an address keeps it", () => {
  const { server } = scene();
  expect(server.reserve(mac(1))).toBe(FIRST);
  expect(server.reserve(mac(1), FIRST + 7)).toBe(FIRST + 7);
  expect(server.reserve(mac(2))).toBe(FIRST);
  expect(server.reserve(mac(3), FIRST)).toBe(FIRST + 1);
});
