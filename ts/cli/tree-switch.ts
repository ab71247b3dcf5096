/** Commands that are about the switches of a host, and their rules. */
import type { AddCommand } from "./context.ts";
import { onHost } from "./tree-host.ts";

/** `switch ...`. */
export function addSwitchCommands(add: AddCommand): void {
  const load = () => import("./commands/switch.ts");
  onHost(
    add("ls", "switches of a host, their ports and counters", () => load().then((m) => m.list)),
  );
  onHost(
    add("line <switch> <port>", "make a port's line worse; without options, good again", () =>
      load().then((m) => m.line),
    ),
  )
    .option("--direction <way>", "in (from whoever is there) or out (towards them)", "out")
    .option("--loss <share>", "frames that are lost, like 1%")
    .option("--latency <time>", "how much later frames come, like 20ms")
    .option("--jitter <time>", "up to this much later still")
    .option("--rate <rate>", "no more than this, like 10Mbit");
  onHost(
    add("mirror <switch> <to> [of]", "what passes a port (any, without it) leaves there, too", () =>
      load().then((m) => m.mirror),
    ),
  ).option("--off", "it is no mirror any more");
}

/** `controller`. */
export function addController(add: AddCommand): void {
  add("controller", "make the rules of switches that call, by OpenFlow", () =>
    import("./commands/controller.ts").then((m) => m.controller),
  )
    .option("--listen <place>", "tcp:HOST:PORT or unix:PATH", "tcp:127.0.0.1:6653")
    .option("--kind <kind>", "stations (rules follow guests that move) or learning", "stations");
}

/** `flows ...`. */
export function addFlowCommands(add: AddCommand): void {
  const load = () => import("./commands/switch.ts");
  onHost(
    add("list <switch>", "rules of a switch, and what they have counted", () =>
      load().then((m) => m.listFlows),
    ),
  );
  onHost(
    add("add <switch> <rule>", "like priority=10,ipv4_dst=10.0.2.0/24,actions=output:2", () =>
      load().then((m) => m.addFlow),
    ),
  );
  onHost(
    add("delete <switch> [match]", "rules that are for these frames alone; all without it", () =>
      load().then((m) => m.deleteFlows),
    ),
  );
}
