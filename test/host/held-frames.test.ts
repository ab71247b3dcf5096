/** What comes for a guest that rests: it waits, goes on with it, or follows it to another host, in order and bounded. */
import { expect, test } from "vitest";
import { VirtualClock } from "../../ts/base/clock.ts";
import { Random } from "../../ts/base/random.ts";
import { HeldFrames } from "../../ts/host/networks/held-frames.ts";
import type { Plug } from "../../ts/host/networks/host-networks.ts";
import { resolveNics } from "../../ts/host/networks/nic-config.ts";
import { VmNic } from "../../ts/host/networks/vm-nic.ts";
import type { Frame, NicReceiver } from "../../ts/machine/nic.ts";
import { formatMac, MAC_BROADCAST } from "../../ts/net/mac.ts";
import { Switch } from "../../ts/net/switch.ts";
import type { SwitchPort } from "../../ts/net/switch-port.ts";
import type { Vm } from "../../ts/vmm/vm.ts";
import { frameOf, mac, Station } from "../net/fakes.ts";

const GUEST = mac(9);
const NEIGHBOUR = mac(1);

/** A card at a port of a switch, and what its device was given. */
class Card {
  readonly nic: VmNic;
  readonly got: number[] = [];
  /** What the guest had no room for. */
  waiting: Frame[] = [];
  readonly port: SwitchPort;

  constructor(its: Switch, clock: VirtualClock) {
    this.port = its.addPort({ name: "g", mac: GUEST });
    const { port } = this;
    const plug: Plug = {
      port,
      user: undefined,
      arrived: () => undefined,
      rests: () => undefined,
      sendOn: (frames) => its.sendOn(frames, port),
      unplug: () => its.removePort(port),
    };
    const [config] = resolveNics([{ kind: "lan", mac: formatMac(GUEST) }], new Random(1));
    if (!config) throw new Error("no card");
    this.nic = new VmNic({ config, index: 0, plug, clock });
    const device: NicReceiver = {
      receive: ({ bytes }) => void this.got.push(bytes.length),
      flush: () => undefined,
    };
    const board = {
      nics: [
        {
          addresses: [],
          setLink: () => undefined,
          takeWaiting: () => this.waiting.splice(0),
          metrics: () => undefined,
        },
      ],
    };
    const vm = { board, perform: (action: () => void) => action() };
    this.nic.install(vm as unknown as Vm, () => undefined);
    this.nic.connect(device);
  }
}

/** Two hosts whose switches are joined by a cable; a neighbour at the first. */
function scene() {
  const clock = new VirtualClock();
  const switches = [1, 2].map((seed) => new Switch({ clock, random: new Random(seed) }));
  const [here, there] = switches as [Switch, Switch];
  /** The first host does not hear the second. */
  const line = { isDeaf: false };
  const ends = switches.map((one) => one.addPort({ name: "link" }));
  for (const [i, end] of ends.entries())
    end.connect({
      receive: (frame) => {
        if (i === 0 || !line.isDeaf) ends[1 - i]?.send(frame);
      },
      flush: () => ends[1 - i]?.flush(),
    });
  const neighbour = new Station(here.addPort({ name: "neighbour" }));
  const say = (payload: number, target = GUEST): void =>
    neighbour.send(frameOf(NEIGHBOUR, target, payload));
  return { clock, here, line, there, neighbour, say, left: new Card(here, clock) };
}
/** Length of a frame with that payload. */
const long = (...payloads: number[]): number[] => payloads.map((bytes) => 34 + bytes);

test("a guest that goes on gets it, unless it is old", () => {
  const { clock, left, say } = scene();
  left.nic.open(true);
  say(50);
  left.nic.close("rests");
  say(51);
  clock.advance(1.5e9);
  say(52);
  clock.advance(1e9);
  say(53, MAC_BROADCAST);
  expect(left.got).toEqual(long(50));
  left.nic.open(false);
  expect(left.got).toEqual(long(50, 52, 53));
  expect(left.nic.info().missedFrames).toBe(1);
  say(54);
  expect(left.got).toEqual(long(50, 52, 53, 54));
});

test.each([
  ["the other host announces it", false],
  ["it is known to have moved, and the announcement was lost", true],
] as const)("it follows a guest that has moved, in order, when %s", (_, isDeaf) => {
  const { clock, here, left, line, neighbour, say, there } = scene();
  const right = new Card(there, clock);
  left.nic.open(true);
  left.nic.send({ bytes: frameOf(GUEST, NEIGHBOUR) });
  left.waiting = [{ bytes: frameOf(NEIGHBOUR, GUEST, 50) }];
  left.nic.close("rests");
  for (const payload of [51, 52, 53]) say(payload);
  say(54, MAC_BROADCAST);
  neighbour.take();
  expect(right.got).toEqual([]);
  line.isDeaf = isDeaf;
  right.nic.open(false);
  if (isDeaf) {
    expect(right.got).toEqual([]);
    left.nic.unplug("moved");
  }
  // What was for all came there when it was said: nobody hears it twice.
  expect(right.got).toEqual(long(50, 51, 52, 53));
  expect(left.got).toEqual([]);
  expect(neighbour.take().filter((bytes) => bytes.length !== 60)).toEqual([]);
  say(55);
  expect(right.got).toEqual(long(50, 51, 52, 53, 55));
  if (!isDeaf) left.nic.unplug("moved");
  expect(right.got).toHaveLength(5);
  expect(here.ports.map(({ name }) => name)).toEqual(["link", "neighbour"]);
});

test("nothing goes back to where its sender is: the switch there would look for the sender here", () => {
  const { clock, left, neighbour, say, there } = scene();
  // It goes to where the neighbour is.
  const right = new Card(there, clock);
  right.nic.open(true);
  right.nic.send({ bytes: frameOf(GUEST, NEIGHBOUR) });
  say(50);
  right.nic.close("rests");
  say(51);
  left.nic.open(false);
  right.nic.unplug("moved");
  expect(left.got).toEqual([]);
  neighbour.take();
  left.nic.send({ bytes: frameOf(GUEST, NEIGHBOUR, 99) });
  expect(neighbour.take().map((bytes) => bytes.length)).toEqual(long(99));
});

test("a guest that has ended, or never ran here, keeps nothing", () => {
  const { left, say } = scene();
  say(50);
  left.nic.open(true);
  left.nic.close("rests");
  say(51);
  left.nic.close("ended");
  say(52);
  left.nic.open(false);
  expect(left.got).toEqual([]);
  expect(left.nic.info().missedFrames).toBe(2);
});

test("there is an end to what is kept", () => {
  const held = new HeldFrames();
  const push = (bytes: number): boolean => held.push({ bytes: new Uint8Array(bytes) }, 0);
  for (let i = 0; i < 1024; i++) expect(push(64)).toBe(true);
  expect(push(64)).toBe(false);
  expect(held.take(0).frames).toHaveLength(1024);
  for (let i = 0; i < 64; i++) expect(push(65_000)).toBe(true);
  expect(push(65_000)).toBe(false);
  expect(held.take(3e9)).toEqual({ frames: [], old: 64 });
});
