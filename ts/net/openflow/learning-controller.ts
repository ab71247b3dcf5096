/**
 * A learning switch made of rules: frames that no rule is for come here, their senders are learned, and what follows
 * between the same two stations passes by a rule of its own, for as long as it is used.
 */
import type { Clock } from "../../base/clock.ts";
import { NO_INSTRUCTIONS, output, PORT_CONTROLLER, PORT_FLOOD } from "../flow/actions.ts";
import { type Field, fieldCalled } from "../flow/fields.ts";
import type { Match } from "../flow/match.ts";
import { TABLE_ALL } from "../flow/pipeline.ts";
import { getMac, isGroup } from "../mac.ts";
import { MacTable } from "../mac-table.ts";
import { FLOW_DELETE } from "./constants.ts";
import type { ControllerApp, Datapath, DatapathPort, ReportedFrame } from "./controller.ts";

const IDLE_SEC = 60;
const PAIR_PRIORITY = 100;

const exactly = (name: string, value: number): Match[number] => ({
  field: fieldCalled(name) as Field,
  value: BigInt(value),
});

export class LearningController implements ControllerApp {
  readonly #clock: Clock;
  readonly #tables = new Map<Datapath, MacTable<number>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  joined(datapath: Datapath): void {
    this.#tables.set(datapath, new MacTable());
    datapath.flowMod({ command: FLOW_DELETE, table: TABLE_ALL });
    const toController = { ...NO_INSTRUCTIONS, apply: [output(PORT_CONTROLLER)] };
    datapath.flowMod({ priority: 0, instructions: toController });
  }

  left(datapath: Datapath): void {
    this.#tables.delete(datapath);
  }

  frameIn(datapath: Datapath, { bytes, inPort }: ReportedFrame): void {
    const macs = this.#tables.get(datapath);
    const [target, source] = [getMac(bytes, 0), getMac(bytes, 6)];
    if (!macs || source === 0 || isGroup(source)) return;
    const nowNs = this.#clock.nowNs();
    const learned = macs.learn(0, source, { port: inPort, nowNs });
    if (learned === "moved" || learned === "flapped") forget(datapath, "eth_dst", source);
    const port = isGroup(target) ? undefined : macs.find(0, target, nowNs);
    if (port === inPort) return;
    if (port !== undefined)
      datapath.flowMod({
        priority: PAIR_PRIORITY,
        match: [exactly("in_port", inPort), exactly("eth_dst", target), exactly("eth_src", source)],
        idleSec: IDLE_SEC,
        instructions: { ...NO_INSTRUCTIONS, apply: [output(port)] },
      });
    datapath.frameOut(bytes, [output(port ?? PORT_FLOOD)], inPort);
  }

  portChanged(datapath: Datapath, port: DatapathPort, change: string): void {
    if (change !== "removed") return;
    this.#tables.get(datapath)?.drop(port.number);
    datapath.flowMod({ command: FLOW_DELETE, table: TABLE_ALL, outPort: port.number });
  }
}

function forget(datapath: Datapath, name: string, mac: number): void {
  datapath.flowMod({ command: FLOW_DELETE, table: TABLE_ALL, match: [exactly(name, mac)] });
}
