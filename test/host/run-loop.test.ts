/** Who gets a turn when: counted in turns, not in time. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { VirtualClock, WallClock } from "../../ts/base/clock.ts";
import { turnPassed } from "../../ts/base/turns.ts";
import { Host } from "../../ts/host/host.ts";
import { RunLoop, type Runnable, type Turn } from "../../ts/host/run-loop.ts";

/** Notes each of its turns in `log`. */
class Guest implements Runnable {
  readonly name: string;
  next: Turn;
  readonly #log: string[];

  constructor(name: string, log: string[], next: Turn) {
    this.name = name;
    this.next = next;
    this.#log = log;
  }

  turn(): Turn {
    this.#log.push(this.name);
    return this.next;
  }
}

test("whoever waits for the event loop waits for one turn, however many guests compute", async () => {
  const log: string[] = [];
  const loop = new RunLoop(new WallClock());
  const guests = Array.from({ length: 50 }, (_, i) => new Guest(`${i}`, log, "busy"));
  for (const guest of guests) loop.add(guest);
  for (let i = 0; i < 100; i++) {
    const before = log.length;
    await turnPassed();
    expect(log.length - before).toBeLessThanOrEqual(1);
  }
  for (const guest of guests) loop.remove(guest);
  const names = guests.map(({ name }) => name);
  expect(log.slice(0, 50)).toEqual(names);
  expect(log.slice(50)).toEqual(names.slice(0, log.length - 50));
  const { length } = log;
  await turnPassed();
  expect(log.length).toBe(length);
});

test("a guest whose timer is due, or that is typed to, comes before those that always compute", async () => {
  const log: string[] = [];
  const clock = new VirtualClock();
  const loop = new RunLoop(clock);
  const sleeper = new Guest("sleeper", log, { wakeInNs: 5e6 });
  const reader = new Guest("reader", log, { wakeInNs: Number.POSITIVE_INFINITY });
  const hogs = Array.from({ length: 9 }, (_, i) => new Guest(`hog ${i}`, log, "busy"));
  for (const guest of [sleeper, reader, ...hogs]) loop.add(guest);
  for (let i = 0; i < 4; i++) await turnPassed();
  expect(log.filter((name) => !name.startsWith("hog"))).toEqual(["sleeper", "reader"]);

  clock.advance(5e6);
  log.length = 0;
  await turnPassed();
  expect(log[0]).toBe("sleeper");
  loop.wake(reader);
  log.length = 0;
  await turnPassed();
  expect(log[0]).toBe("reader");
  // And the hogs go on in their order: none is passed over.
  for (let i = 0; i < 20; i++) await turnPassed();
  const numbers = log.filter((name) => name.startsWith("hog")).map((name) => Number(name.slice(4)));
  for (let i = 1; i < numbers.length; i++)
    expect(numbers[i]).toBe(((numbers[i - 1] as number) + 1) % 9);
  for (const guest of [sleeper, reader, ...hogs]) loop.remove(guest);
});

test("input while a turn is under way counts, and who has ended gets no more turns", async () => {
  const log: string[] = [];
  const loop = new RunLoop(new WallClock());
  const reader = new Guest("reader", log, { wakeInNs: Number.POSITIVE_INFINITY });
  const turn = reader.turn.bind(reader);
  reader.turn = () => {
    if (log.length < 3) loop.wake(reader);
    else reader.next = "ended";
    return turn();
  };
  loop.add(reader);
  for (let i = 0; i < 4; i++) await turnPassed();
  expect(log.length).toBe(4);
  loop.wake(reader);
  await turnPassed();
  expect(log.length).toBe(4);
});

test("virtual time that a guest does not use passes within its turn", async () => {
  await using host = await Host.create({ memory: "64MiB" });
  const vm = await host.createVm({
    kernel: join(import.meta.dirname, "../../guests/bin/dirtier.elf"),
    memory: "16MiB",
    clock: "virtual",
    mips: 2000, // A millisecond is longer than a slice.
    append: "ws=1MiB rate=1000 heartbeat=0 idle=sleep",
  });
  await vm.start();
  await vm.console.expect(/ready/);
  const idle = (): number => vm.info().metrics.exits.wfi;
  const turn = vm.turn.bind(vm);
  let turns = 0;
  let waitsMax = 0;
  vm.turn = () => {
    turns++;
    const before = idle();
    const next = turn();
    waitsMax = Math.max(waitsMax, idle() - before);
    return next;
  };
  // How much fits into a turn depends on how fast this machine is just now; some are long.
  while (turns < 2_000 && waitsMax < 5) await turnPassed();
  expect(waitsMax).toBeGreaterThanOrEqual(5);
});
