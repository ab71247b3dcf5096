/** The control API of a host's switches: `/v1/switches[/NAME/flows|lines|mirrors]`. */

import { WasmvisorError } from "../../base/errors.ts";
import type { Host } from "../host.ts";
import { lineOf } from "../networks/line.ts";
import type { LineChange } from "../networks/switch-control.ts";
import { checkKeys, optionalText, text } from "./fields.ts";

type Body = Record<string, unknown>;
type Act = (host: Host, name: string, body: Body) => Promise<unknown>;

const POSTS: Readonly<Record<string, Act>> = {
  flows: async (host, name, body) => {
    checkKeys(body, ["flow"]);
    await host.networks.control.addFlow(name, text(body, "flow"));
    return { flows: await host.networks.control.flows(name) };
  },
  "flows-delete": async (host, name, body) => {
    checkKeys(body, ["flow"]);
    const { control } = host.networks;
    return { deleted: await control.removeFlows(name, optionalText(body, "flow") ?? "") };
  },
  lines: async (host, name, body) => {
    checkKeys(body, ["port", "direction", "loss", "latency", "jitter", "rate"]);
    await host.networks.control.setLine(name, text(body, "port"), changeOf(body));
    return { switch: name, port: body["port"] };
  },
  mirrors: async (host, name, body) => {
    checkKeys(body, ["to", "of"]);
    const [to, of] = [text(body, "to"), optionalText(body, "of")];
    await host.networks.control.mirror(name, to, of);
    return { switch: name, to, of };
  },
  "mirrors-delete": async (host, name, body) => {
    checkKeys(body, ["to"]);
    await host.networks.control.unmirror(name, text(body, "to"));
    return { switch: name, to: body["to"] };
  },
};

/** What is asked by `method` and the path after `/v1/switches`; undefined: nothing is served there. */
export async function answerSwitches(
  host: Host,
  method: string,
  [name, what, ...rest]: readonly string[],
  body: Body,
): Promise<unknown> {
  const { control } = host.networks;
  if (rest.length > 0) return undefined;
  if (method === "GET" && name === undefined) return control.list();
  if (method === "GET" && name !== undefined && what === "flows")
    return { flows: (await control.flows(name)) ?? null };
  if (method !== "POST" || name === undefined || !Object.hasOwn(POSTS, what ?? ""))
    return undefined;
  return POSTS[what as string]?.(host, name, body);
}

/** Quantities as people write them: `1%`, `20ms`, `10Mbit`. */
function changeOf(body: Body): LineChange {
  const [loss, latency, jitter, rate] = ["loss", "latency", "jitter", "rate"].map((one) =>
    optionalText(body, one),
  );
  const direction = optionalText(body, "direction");
  if (direction !== undefined && direction !== "in" && direction !== "out")
    throw new WasmvisorError("WV_CONFIG", `direction: expected in or out, got "${direction}"`);
  return { ...lineOf({ loss, latency, jitter, rate }), direction };
}
