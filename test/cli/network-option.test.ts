/** `--net`, word by word: what it means, and what it says of what it does not understand. */
import { expect, test } from "vitest";
import { networks } from "../../ts/cli/network-option.ts";

test("cards and their settings", () => {
  expect(networks(undefined)).toBeUndefined();
  expect(networks(["none"])).toBeUndefined();
  expect(
    networks(["user,forward=tcp:2222:22,forward=udp:0.0.0.0:53:5353", "lan,mtu=9000"]),
  ).toEqual([
    {
      kind: "user",
      switch: undefined,
      forwards: [
        { protocol: "tcp", hostAddress: undefined, hostPort: 2222, guestPort: 22 },
        { protocol: "udp", hostAddress: "0.0.0.0", hostPort: 53, guestPort: 5353 },
      ],
    },
    { kind: "lan", switch: undefined, mtu: 9000, forwards: [] },
  ]);
  expect(
    networks(["switch=office,vlan=10,mac=52:54:00:12:34:56", "switch=office,vlan=trunk"]),
  ).toEqual([
    { kind: "switch", switch: "office", vlan: 10, mac: "52:54:00:12:34:56", forwards: [] },
    { kind: "switch", switch: "office", vlan: "trunk", forwards: [] },
  ]);
});

test.each([
  ["bridge", "unknown network"],
  ["user,speed=9", 'unknown setting "speed"'],
  ["user,mtu=big", '"big" is no number'],
  ["user,forward=80", 'cannot forward "80"'],
  ["user,forward=sctp:1:2", 'cannot forward "sctp:1:2"'],
])("%s is refused with the form that is wanted", (option, why) => {
  expect(() => networks([option])).toThrow(
    expect.objectContaining({ code: "WV_CONFIG", message: expect.stringContaining(why) as string }),
  );
});
