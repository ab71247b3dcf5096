import { expect, test } from "vitest";
import { Aclint } from "../../ts/device/aclint.ts";
import { GoldfishRtc } from "../../ts/device/goldfish-rtc.ts";
import { Syscon, type SysconShutdown } from "../../ts/device/syscon.ts";
import { FakeClock, FakeLine } from "./fakes.ts";

function makeAclint(hartCount = 2) {
  const clock = new FakeClock();
  const timers: number[] = [];
  const software: boolean[] = [];
  const aclint = new Aclint({
    hartCount,
    clock,
    onSoftware: (hart, level) => {
      software[hart] = level;
    },
    onTimer: (hart, deadline) => {
      timers[hart] = deadline;
    },
  });
  return { aclint, clock, timers, software };
}

test("msip raises and clears the software interrupt of its hart alone", () => {
  const { aclint, software } = makeAclint();
  aclint.store(4, 4, 0xffffffff);
  expect(software).toEqual([undefined, true]);
  expect(aclint.load(4, 4)).toBe(1);
  aclint.store(4, 4, 0);
  expect(software[1]).toBe(false);
  aclint.store(8, 4, 1);
  expect(software.length).toBe(2);
});

test("mtimecmp becomes a deadline, Infinity beyond 2^53", () => {
  const { aclint, timers } = makeAclint();
  aclint.store(0x4008, 4, 0x1234);
  expect(timers[1]).toBe(Number.POSITIVE_INFINITY);
  aclint.store(0x400c, 4, 1);
  expect(timers[1]).toBe(0x1_0000_1234);
  expect([aclint.load(0x4008, 4), aclint.load(0x400c, 4)]).toEqual([0x1234, 1]);
});

test("mtime is the clock, in halves, until it is written; deadlines move with it", () => {
  const { aclint, clock, timers } = makeAclint(1);
  clock.now = 0x5_0000_0007;
  expect([aclint.load(0xbff8, 4), aclint.load(0xbffc, 4)]).toEqual([7, 5]);
  aclint.store(0x4000, 4, 1000);
  aclint.store(0x4004, 4, 0);
  expect(timers[0]).toBe(clock.now); // Over already.
  aclint.store(0xbffc, 4, 0);
  aclint.store(0xbff8, 4, 0);
  expect(timers[0]).toBe(clock.now + 1000);
  clock.now += 999;
  expect([aclint.load(0xbff8, 4), aclint.load(0xbffc, 4)]).toEqual([999, 0]);
});

test("mtime written to just below 2^64 wraps without losing a tick", () => {
  const { aclint, clock } = makeAclint(1);
  clock.now = 12345;
  aclint.store(0xbff8, 4, 0xffffffff);
  aclint.store(0xbffc, 4, 0xffffffff);
  expect([aclint.load(0xbff8, 4), aclint.load(0xbffc, 4)]).toEqual([0xffffffff, 0xffffffff]);
  clock.now++;
  expect([aclint.load(0xbff8, 4), aclint.load(0xbffc, 4)]).toEqual([0, 0]);
});

test("a restored ACLINT drives timers and software interrupts again", () => {
  const { aclint } = makeAclint();
  aclint.store(0, 4, 1);
  aclint.store(0x4000, 4, 77);
  aclint.store(0x4004, 4, 0);
  aclint.store(0xbff8, 4, 50);
  const twin = makeAclint();
  twin.aclint.restore(structuredClone(aclint.save()));
  expect(twin.software).toEqual([true, false]);
  expect(twin.timers).toEqual([27, Number.POSITIVE_INFINITY]);
  expect(twin.aclint.save()).toEqual(aclint.save());
});

function makeRtc() {
  const clock = new FakeClock();
  const line = new FakeLine();
  const alarms: number[] = [];
  const rtc = new GoldfishRtc({ clock, irq: line.set, onAlarm: (atNs) => alarms.push(atNs) });
  const time = () => {
    const low = rtc.load(0, 4);
    return rtc.load(4, 4) * 2 ** 32 + low;
  };
  return { rtc, clock, line, alarms, time };
}

test("the RTC tells the time of day, and TIME_HIGH belongs to the last TIME_LOW", () => {
  const { rtc, clock, time } = makeRtc();
  expect(time()).toBe(clock.realNs);
  const low = rtc.load(0, 4);
  clock.realNs += 2 ** 40;
  expect(rtc.load(4, 4) * 2 ** 32 + low).toBe(clock.realNs - 2 ** 40);
});

test("the guest can set the time, and it goes on from there", () => {
  const { rtc, clock, time } = makeRtc();
  rtc.store(4, 4, 0x1000);
  rtc.store(0, 4, 0x2000);
  clock.realNs += 4096;
  expect(time()).toBe(0x1000 * 2 ** 32 + 0x2000 + 4096);
});

test("an alarm interrupts once its time has come, and not before", () => {
  const { rtc, clock, line, alarms } = makeRtc();
  const atNs = clock.realNs + 1_000_000_000;
  rtc.store(0x10, 4, 1);
  rtc.store(0x0c, 4, Math.floor(atNs / 2 ** 32));
  rtc.store(0x08, 4, atNs % 2 ** 32);
  expect([alarms.at(-1), rtc.load(0x18, 4)]).toEqual([atNs, 1]);
  rtc.poll();
  expect(line.level).toBe(false);
  clock.realNs = atNs;
  rtc.poll();
  expect([line.level, rtc.load(0x18, 4)]).toEqual([true, 0]);
  rtc.store(0x1c, 4, 1);
  expect(line.level).toBe(false);
});

test("an alarm whose time came between save and restore rings at the first poll", () => {
  const { rtc, clock } = makeRtc();
  const atNs = clock.realNs + 4096;
  rtc.store(0x10, 4, 1);
  rtc.store(0x0c, 4, Math.floor(atNs / 2 ** 32));
  rtc.store(0x08, 4, atNs % 2 ** 32);
  const twin = makeRtc();
  twin.clock.realNs += 1_000_000;
  twin.rtc.restore(structuredClone(rtc.save()));
  expect([twin.line.level, twin.alarms]).toEqual([false, [atNs]]);
  twin.rtc.poll();
  expect(twin.line.level).toBe(true);
});

test("a restored RTC keeps time, alarm and interrupt", () => {
  const { rtc, clock, time } = makeRtc();
  rtc.store(4, 4, 5);
  rtc.store(0x10, 4, 1);
  rtc.store(0x0c, 4, 1);
  rtc.store(0x08, 4, 1); // Long over: rings at once.
  const twin = makeRtc();
  twin.rtc.restore(structuredClone(rtc.save()));
  expect([twin.line.level, twin.time()]).toEqual([true, time()]);
  expect(twin.clock.realNs).toBe(clock.realNs);
});

test.each<[number, SysconShutdown]>([
  [0x5555, { type: "poweroff", code: 0 }],
  [0x2a3333, { type: "fail", code: 42 }],
  [0xffff3333, { type: "fail", code: 0xffff }],
  [0x7777, { type: "reboot", code: 0 }],
])("syscon value %x ends the machine as %o", (value, expected) => {
  const seen: SysconShutdown[] = [];
  const syscon = new Syscon({ onShutdown: (shutdown) => seen.push(shutdown) });
  syscon.store(0, 4, value);
  expect(seen).toEqual([expected]);
});

test("other values and offsets of syscon do nothing but count", () => {
  const seen: SysconShutdown[] = [];
  const syscon = new Syscon({ onShutdown: (shutdown) => seen.push(shutdown) });
  syscon.store(0, 4, 0x1234);
  syscon.store(4, 4, 0x5555);
  syscon.store(0, 1, 0x55);
  expect([seen, syscon.load(0, 4)]).toEqual([[], 0]);
  expect(syscon.metrics()).toEqual({ shutdowns: 0, ignoredWrites: 3 });
});
