/** The control API: what can be asked of a host, by method and path. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { WasmvisorError } from "../../base/errors.ts";
import type { Host } from "../host.ts";
import type { MigrationAdvisor } from "../migrations/advisor.ts";
import type { PlainMigrateOptions } from "../migrations/options.ts";
import type { AskedMigration } from "../migrations/schema.ts";
import type { VirtualMachine } from "../virtual-machine.ts";
import {
  checkKeys,
  createOptions,
  migrationChanges,
  optionalText,
  restoreOptions,
  text,
} from "./fields.ts";
import {
  countBytes,
  errorBody,
  HttpError,
  readJson,
  sendBytes,
  sendJson,
  sendLine,
} from "./http.ts";

interface Call {
  readonly host: Host;
  /** Directory of the daemon's certificates. */
  readonly tls: string | undefined;
  readonly advisor: MigrationAdvisor | undefined;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

type Body = Record<string, unknown>;
type VmAction = (vm: VirtualMachine, body: Body, call: Call) => Promise<unknown>;

/** POST /v1/vms/NAME/ACTION: what is answered, or undefined if the action did. */
const ACTIONS: Readonly<Record<string, VmAction>> = {
  start: async (vm, body) => plain(vm, body, () => vm.start()),
  pause: async (vm, body) => plain(vm, body, () => vm.pause()),
  resume: async (vm, body) => plain(vm, body, () => vm.resume()),
  snapshot: async (vm, body) => {
    checkKeys(body, ["path"]);
    const path = text(body, "path");
    await vm.snapshot(path);
    return { name: vm.name, path };
  },
  fork: async (vm, body) => {
    checkKeys(body, ["name"]);
    return (await vm.fork({ name: optionalText(body, "name") })).info();
  },
  migrate,
  record,
  capture,
};

async function plain(
  vm: VirtualMachine,
  body: Body,
  action: () => Promise<void>,
): Promise<unknown> {
  checkKeys(body, []);
  await action();
  return vm.info();
}

/** Does something that a client aborts by leaving. */
async function whileClientStays<T>(
  response: ServerResponse,
  action: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const left = new AbortController();
  const onClose = (): void => left.abort(new WasmvisorError("WV_ABORTED", "the client left"));
  response.once("close", onClose);
  try {
    return await action(left.signal);
  } finally {
    response.off("close", onClose);
  }
}

/**
 * Answers with a line for each round, for how far it is twice a second, and for the outcome. A client that
 * leaves aborts it.
 */
async function migrate(vm: VirtualMachine, body: Body, call: Call): Promise<undefined> {
  const { response, tls } = call;
  const { parseMigration } = await import("../migrations/schema.ts");
  const asked = parseMigration(body);
  const { target } = asked;
  try {
    const outcome = await whileClientStays(response, async (signal) =>
      vm.migrate(target, {
        ...(asked.isAuto ? await advised(vm, asked, { call, signal }) : asked.options),
        tls,
        signal,
        onRound: (round) => sendLine(response, { round }),
        onProgress: (progress) => sendLine(response, { progress }),
      }),
    );
    const { error, ...rest } = outcome;
    sendLine(response, { outcome: error ? { ...rest, error: errorBody(error).body } : rest });
  } catch (error) {
    if (!response.headersSent) throw error;
    sendLine(response, { error: errorBody(error).body });
  }
  response.end();
  return undefined;
}

/** What is best for this guest now; the client is told. */
async function advised(
  vm: VirtualMachine,
  { options: asked, target }: AskedMigration,
  { call, signal }: { readonly call: Call; readonly signal: AbortSignal },
): Promise<PlainMigrateOptions> {
  const { advisor, host, response, tls } = call;
  if (!advisor)
    throw new HttpError(424, "WV_MISSING", "strategy auto: this host has nobody to choose one");
  const { probeLink } = await import("../probe.ts");
  const access = { tls, token: asked.token };
  const link = await probeLink({ target, access, clock: host.clock, signal });
  const { advice, options } = await advisor({ vm, asked, link, signal });
  sendLine(response, { advice });
  return { ...asked, ...options };
}

/** Answers with the bytes of a pcap file as they come. A client that leaves ends it. */
async function capture(vm: VirtualMachine, body: Body, { response }: Call): Promise<undefined> {
  checkKeys(body, ["duration", "maxSize", "snapBytes"]);
  const { snapBytes } = body;
  if (snapBytes !== undefined && typeof snapBytes !== "number")
    throw new WasmvisorError("WV_CONFIG", "snapBytes: expected a number");
  const duration = optionalText(body, "duration");
  const maxSize = optionalText(body, "maxSize");
  await whileClientStays(response, (signal) =>
    vm.capture({
      ...{ duration, maxSize, snapBytes, signal },
      onBytes: (bytes) => sendBytes(response, bytes, signal),
    }),
  );
  response.end();
  return undefined;
}

/** Answers with the bytes of the trace's file as they come: a client that reads slowly makes intervals longer. */
async function record(vm: VirtualMachine, body: Body, call: Call): Promise<undefined> {
  checkKeys(body, ["interval", "duration"]);
  const { response } = call;
  const options = {
    interval: optionalText(body, "interval"),
    duration: optionalText(body, "duration"),
  };
  await whileClientStays(response, (signal) =>
    vm.recordTrace({ ...options, signal, onBytes: (bytes) => sendBytes(response, bytes, signal) }),
  );
  response.end();
  return undefined;
}

type MigrationAction = (host: Host, name: string) => Promise<void>;

/** POST /v1/migrations/NAME/ACTION: orders to a migration that runs. */
const ORDERS: Readonly<Record<string, MigrationAction>> = {
  postcopy: (host, name) => host.startPostCopy(name),
  pause: (host, name) => host.pausePostCopy(name),
};

/** Orders something of a migration; answers with how far it is. */
async function order(host: Host, name: string, action: string): Promise<unknown> {
  await ORDERS[action]?.(host, name);
  return progressOf(host, name);
}

const progressOf = (host: Host, name: string): unknown =>
  host.migrations().find((one) => one.name === name) ?? { name };

/** POST /v1/migrations/NAME/set: changes what may be changed of one. */
async function setMigration(host: Host, name: string, body: Body): Promise<unknown> {
  await host.setMigration(name, migrationChanges(body));
  return progressOf(host, name);
}

/** The vm of a path. */
export function vmOf(host: Host, name: string): VirtualMachine {
  const vm = host.vms.find((one) => one.name === name);
  if (vm) return vm;
  throw new HttpError(404, "WV_CONFIG", `no vm is called "${name}" on this host; see wasmvisor ls`);
}

const noRoute = (path: string): HttpError =>
  new HttpError(404, "WV_CONFIG", `${path}: nothing is served here`);

/** Answers one request. Throws what the client is then told. */
export async function handle(call: Call): Promise<void> {
  const { host, request, response } = call;
  const path = (request.url ?? "/").split("?")[0] as string;
  const parts = path.split("/").slice(1).map(decode);
  if (parts[0] !== "v1") throw noRoute(path);
  if (request.method === "POST" && parts[1] === "probe" && parts.length === 2) {
    sendJson(response, 200, { bytes: await countBytes(request) });
    return;
  }
  if (parts[1] === "switches") {
    await switches(call, parts.slice(2), path);
    return;
  }
  const answer =
    request.method === "GET"
      ? get(host, parts.slice(1), path)
      : request.method === "POST"
        ? await post(call, parts.slice(1), path)
        : request.method === "DELETE"
          ? await remove(host, parts.slice(1), path)
          : refuseMethod(request.method);
  if (answer !== undefined) sendJson(response, 200, answer);
}

/** What is asked of switches; see `switch-routes.ts`. */
async function switches(call: Call, rest: readonly string[], path: string): Promise<void> {
  const { host, request, response } = call;
  const { answerSwitches } = await import("./switch-routes.ts");
  const body = request.method === "POST" ? await readJson(request) : {};
  const answer = await answerSwitches(host, request.method ?? "", rest, body);
  if (answer === undefined) throw noRoute(path);
  sendJson(response, 200, answer);
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new HttpError(400, "WV_CONFIG", "path: not a URL");
  }
}

function refuseMethod(method: string | undefined): never {
  throw new HttpError(405, "WV_CONFIG", `${method}: expected GET, POST or DELETE`);
}

function get(host: Host, [kind, name, ...rest]: readonly string[], path: string): unknown {
  if (rest.length > 0) throw noRoute(path);
  if (kind === "health" && name === undefined)
    return { status: "ok", freeBytes: host.freeBytes, vms: host.vms.length };
  if (kind === "memory" && name === undefined) return host.memory();
  if (kind === "migrations" && name === undefined) return host.migrations();
  if (kind !== "vms") throw noRoute(path);
  return name === undefined ? host.vms.map((vm) => vm.info()) : vmOf(host, name).info();
}

async function post(
  call: Call,
  [kind, name, action, ...rest]: readonly string[],
  path: string,
): Promise<unknown> {
  const { host } = call;
  if (rest.length > 0) throw noRoute(path);
  const body = await readJson(call.request);
  if (kind === "vms" && name === undefined)
    return (await host.createVm(createOptions(body))).info();
  if (kind === "restore" && name === undefined) {
    const { path: file, ...options } = restoreOptions(body);
    return (await host.restore(file, options)).info();
  }
  if (kind === "share-pages" && name === undefined) {
    checkKeys(body, []);
    return whileClientStays(call.response, (signal) => host.sharePages({ signal }));
  }
  if (kind === "migrations" && name !== undefined && action === "set")
    return setMigration(host, name, body);
  if (kind === "migrations" && name !== undefined && Object.hasOwn(ORDERS, action ?? "")) {
    checkKeys(body, []);
    return order(host, name, action as string);
  }
  const act = Object.hasOwn(ACTIONS, action ?? "") ? ACTIONS[action as string] : undefined;
  if (kind !== "vms" || name === undefined || !act) throw noRoute(path);
  return act(vmOf(host, name), body, call);
}

async function remove(host: Host, [kind, name, ...rest]: readonly string[], path: string) {
  if (name === undefined || rest.length > 0) throw noRoute(path);
  if (kind === "migrations") {
    await host.cancelMigration(name);
    return { name, status: "cancelled" };
  }
  if (kind !== "vms") throw noRoute(path);
  await vmOf(host, name).destroy();
  return { name, status: "gone" };
}
