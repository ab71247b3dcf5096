/** `wasmvisor controller`: makes the rules of switches that call it. */
import { WallClock } from "../../base/clock.ts";
import { formatMac } from "../../net/mac.ts";
import { type ControllerApp, controllerSide } from "../../net/openflow/controller.ts";
import { LearningController } from "../../net/openflow/learning-controller.ts";
import { formatPlace, OpenFlowListener, parsePlace } from "../../net/openflow/sockets.ts";
import { StationController } from "../../net/openflow/station-controller.ts";
import type { CommandContext } from "../context.ts";
import { EXIT_DONE, EXIT_INTERRUPTED } from "../exit.ts";
import * as parse from "../options.ts";
import type { Output } from "../output.ts";

const KINDS = ["stations", "learning"] as const;

export async function controller({ options, out }: CommandContext): Promise<number> {
  const kind = parse.oneOf(options.kind, KINDS, "--kind") ?? "stations";
  const place = parsePlace(parse.text(options.listen) ?? "tcp:127.0.0.1", "--listen");
  const app = kind === "learning" ? new LearningController(new WallClock()) : stations(out);
  const listener = await OpenFlowListener.open(place, controllerSide(app));
  const at = formatPlace(listener.place);
  out.event({ event: "listening", place: at, kind });
  out.log(`wasmvisor: controller (${kind}) at ${at}`);
  const signal = await new Promise<string>((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
  listener.close();
  return signal === "SIGINT" ? EXIT_INTERRUPTED : EXIT_DONE;
}

function stations(out: Output): ControllerApp {
  return new StationController({
    onPlaced: (mac, { datapath, port }, before) => {
      const at = { datapath: datapath.toString(16).padStart(16, "0"), port };
      const event = before ? "moved" : "came";
      out.event({ event, mac: formatMac(mac), ...at });
      out.log(`wasmvisor: ${formatMac(mac)} ${event}: datapath ${at.datapath}, port ${port}`);
    },
  });
}
