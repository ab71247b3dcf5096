/** `wasmvisor create|ls|info|start|pause|resume|snapshot|restore|fork|destroy`: vms of a host. */
import { resolve } from "node:path";
import { WasmvisorError } from "../../base/errors.ts";
import { formatSize } from "../../base/units.ts";
import type { VmInfo } from "../../host/api.ts";
import { describeEnd } from "../../host/virtual-machine.ts";
import { hostClient } from "../client.ts";
import type { CommandContext } from "../context.ts";
import { EXIT_DONE } from "../exit.ts";
import { createOptions } from "../guest-options.ts";
import * as parse from "../options.ts";
import { columns } from "../output.ts";

const name = ({ args }: CommandContext): string => args[0] as string;

function statusOf({ end, status }: VmInfo): string {
  return status === "ended" && end ? `ended: ${describeEnd(end)}` : status;
}

export async function create(context: CommandContext): Promise<number> {
  const { options, out } = context;
  const client = hostClient(options);
  let vm = await client.create(createOptions(options, { name: name(context) }));
  if (options.start === true) vm = await client.act(vm.name, "start");
  out.result(vm, () => `${vm.name}: ${vm.status}`);
  return EXIT_DONE;
}

export async function list({ options, out }: CommandContext): Promise<number> {
  const vms = await hostClient(options).list();
  const row = (vm: VmInfo): string[] => [
    vm.name,
    statusOf(vm),
    String(vm.vcpus),
    formatSize(vm.memoryBytes, 1),
    formatSize(vm.populatedBytes, 1),
    String(vm.metrics.instructions),
  ];
  const head = ["NAME", "STATUS", "VCPUS", "MEMORY", "USED", "INSTRUCTIONS"];
  out.result(vms, () => columns(head, vms.map(row)));
  return EXIT_DONE;
}

export async function info(context: CommandContext): Promise<number> {
  const vm = await hostClient(context.options).info(name(context));
  context.out.result(vm, () => describe(vm));
  return EXIT_DONE;
}

/** Counters under their group's name. */
function counted(group: string, counts: object): [string, number][] {
  return Object.entries(counts).map(([name, count]) => [`${group}.${name}`, count as number]);
}

function describe(vm: VmInfo): string {
  const { exits, translated, ...counts } = vm.metrics;
  const lines: [string, string | number][] = [
    ["name", vm.name],
    ["status", statusOf(vm)],
    ["vcpus", vm.vcpus],
    ["clock", vm.clock],
    ["memory", formatSize(vm.memoryBytes)],
    ["used", formatSize(vm.populatedBytes)],
    ["its own", formatSize(vm.ownBytes)],
    ["not yet loaded", formatSize(vm.missingBytes)],
    ...vm.disks.map(describeDisk),
    ...vm.networks.flatMap(describeNic),
    ...Object.entries(counts),
    ...counted("translated", translated),
    ...counted("exits", exits),
  ];
  const width = 2 + Math.max(...lines.map(([key]) => key.length));
  return lines.map(([key, value]) => `${key.padEnd(width)}${value}`).join("\n");
}

function describeDisk(disk: VmInfo["disks"][number], index: number): [string, string] {
  const { bytes, format, missingBytes, overlay, path = "in memory", readOnly } = disk;
  const words = [path, format, formatSize(bytes, 1), readOnly && "read-only", overlay && "overlay"];
  const missing = missingBytes > 0 && `${formatSize(missingBytes, 1)} still to come`;
  return [`disk${index}`, [...words, missing].filter(Boolean).join(", ")];
}

function describeNic(nic: VmInfo["networks"][number], index: number): [string, string | number][] {
  const { addresses, forwards, isLinkUp, line, mac, mtu, network, ...counts } = nic;
  const name = `net${index}`;
  return [
    [name, `${network}, ${mac}, MTU ${mtu}${isLinkUp ? "" : ", no link"}`],
    ...(line === undefined ? [] : [[`${name}.line`, line] satisfies [string, string]]),
    ...addresses.map((ip): [string, string] => [`${name}.address`, ip]),
    ...forwards.map((forward): [string, string] => [`${name}.forward`, forward]),
    ...counted(name, counts),
  ];
}

async function act(context: CommandContext, action: "start" | "pause" | "resume"): Promise<number> {
  const vm = await hostClient(context.options).act(name(context), action);
  context.out.result(vm, () => `${vm.name}: ${vm.status}`);
  return EXIT_DONE;
}

export const start = (context: CommandContext): Promise<number> => act(context, "start");
export const pause = (context: CommandContext): Promise<number> => act(context, "pause");
export const resume = (context: CommandContext): Promise<number> => act(context, "resume");

export async function destroy(context: CommandContext): Promise<number> {
  const vm = name(context);
  await hostClient(context.options).destroy(vm);
  context.out.result({ name: vm, status: "gone" }, () => `${vm}: gone`);
  return EXIT_DONE;
}

export async function snapshot(context: CommandContext): Promise<number> {
  const path = resolve(context.args[1] as string);
  await hostClient(context.options).snapshot(name(context), path);
  context.out.result({ name: name(context), path }, () => path);
  return EXIT_DONE;
}

export async function restore({ args, options, out }: CommandContext): Promise<number> {
  const pages = parse.text(options.pages);
  if (pages !== "on-touch" && pages !== "at-once")
    throw new WasmvisorError("WV_CONFIG", `--pages: expected on-touch or at-once, got "${pages}"`);
  const vm = await hostClient(options).restore(resolve(args[0] as string), {
    name: args[1],
    pages,
  });
  out.result(vm, () => `${vm.name}: ${vm.status}`);
  return EXIT_DONE;
}

export async function fork(context: CommandContext): Promise<number> {
  const child = await hostClient(context.options).fork(name(context), context.args[1]);
  context.out.result(child, () => `${child.name}: ${child.status}`);
  return EXIT_DONE;
}
