/** What makes a switch an OpenFlow switch: its tables, its controllers, and what they hear of it. */
import type { Clock } from "../../base/clock.ts";
import { NO_INSTRUCTIONS, output, PORT_NORMAL } from "../flow/actions.ts";
import type { FlowPipeline } from "../flow/pipeline.ts";
import type { Switch } from "../switch.ts";
import type { OpenFlowLine, OpenFlowSide } from "./line.ts";
import { type SessionOwner, SwitchSession } from "./session.ts";

export class OpenFlowAgent implements SessionOwner {
  readonly name: string;
  readonly switch: Switch;
  readonly flows: FlowPipeline;
  readonly clock: Clock;
  readonly sinceNs: number;
  readonly datapathId: bigint;
  readonly sessions = new Set<SwitchSession>();
  generation: bigint | undefined;
  readonly #stop: (() => void)[];

  /** The switch does what its tables say from now on: at first, what a switch without tables does. */
  constructor(options: {
    readonly name: string;
    readonly switch: Switch;
    readonly clock: Clock;
    readonly datapathId: bigint;
  }) {
    this.name = options.name;
    this.switch = options.switch;
    this.clock = options.clock;
    this.datapathId = options.datapathId;
    this.sinceNs = options.clock.nowNs();
    this.flows = options.switch.flows();
    this.#addNormal();
    const each = (tell: (session: SwitchSession) => void): void => {
      for (const session of this.sessions) tell(session);
    };
    this.#stop = [
      this.flows.listen({
        onFrame: (frame) => each((session) => session.frameIn(frame)),
        onRemoved: (entry, reason) => each((session) => session.flowRemoved(entry, reason)),
      }),
      this.switch.watchPorts((port, change) =>
        each((session) => session.portChanged(port, change)),
      ),
    ];
  }

  #addNormal(): void {
    this.flows.add({
      table: 0,
      priority: 0,
      match: [],
      cookie: 0n,
      idleSec: 0,
      hardSec: 0,
      instructions: { ...NO_INSTRUCTIONS, apply: [output(PORT_NORMAL)] },
      isRemovalTold: false,
      flags: 0,
    });
  }

  /** One more controller, until `detach`. */
  attach(line: OpenFlowLine): SwitchSession {
    const session = new SwitchSession(this, line);
    this.sessions.add(session);
    return session;
  }

  detach(session: SwitchSession): void {
    this.sessions.delete(session);
  }

  /** What sockets do with those who call, or whom they call. */
  side(): OpenFlowSide {
    return {
      open: (line) => this.attach(line),
      closed: (peer) => this.detach(peer as SwitchSession),
    };
  }

  close(): void {
    for (const stop of this.#stop) stop();
    this.sessions.clear();
  }
}
