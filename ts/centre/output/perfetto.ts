/** A run as a trace that Perfetto (ui.perfetto.dev) and chrome://tracing open: a process for each host, a thread for each vm. */
import type { MigrationRecord } from "../records.ts";
import type { CentreSimulation } from "../simulation.ts";

const us = (ns: number): number => Math.round(ns) / 1e3;

/** The JSON object format of trace events, a piece of text at a time. */
export function* perfettoTrace(simulation: CentreSimulation): Generator<string> {
  yield '{"displayTimeUnit":"ms","traceEvents":[\n';
  let comma = "";
  for (const event of events(simulation)) {
    yield `${comma}${JSON.stringify(event)}`;
    comma = ",\n";
  }
  yield "\n]}\n";
}

function* events({ centre, records, restarts }: CentreSimulation): Generator<object> {
  const hosts = new Set<number>();
  const threads = new Set<string>();
  for (const { source, vm } of [...records, ...restarts]) {
    hosts.add(source);
    threads.add(`${source}/${vm}`);
  }
  const name = (what: string, pid: number, text: string, tid = 0): object => ({
    ph: "M",
    name: what,
    pid,
    tid,
    args: { name: text },
  });
  // Process and thread 0 are the viewer's own.
  for (const host of hosts) yield name("process_name", host + 1, centre.hosts[host]?.name ?? "");
  for (const key of threads) {
    const [host = 0, vm = 0] = key.split("/").map(Number);
    yield name("thread_name", host + 1, centre.vms[vm]?.name ?? "", vm + 1);
  }
  for (const record of records) yield* slices(record, centre.hosts[record.target]?.name ?? "");
  for (const { failedNs, source, target, upNs, vm } of restarts) {
    const args = { target: centre.hosts[target]?.name };
    yield slice("restart", { pid: source + 1, tid: vm + 1, from: failedNs, to: upNs, args });
  }
}

interface Slice {
  readonly pid: number;
  readonly tid: number;
  readonly from: number;
  readonly to: number;
  readonly args?: object;
}

function slice(name: string, { args, from, pid, tid, to }: Slice): object {
  return { ph: "X", name, cat: "migration", ts: us(from), dur: us(to - from), pid, tid, args };
}

function* slices(record: MigrationRecord, target: string): Generator<object> {
  const { bytes, downtimeNs, endNs, error, marks, requestedNs, source, startNs, state, vm } =
    record;
  const at = { pid: source + 1, tid: vm + 1 };
  if (startNs < 0) {
    yield slice("refused", { ...at, from: requestedNs, to: endNs, args: { target, error } });
    return;
  }
  if (startNs > requestedNs) yield slice("queued", { ...at, from: requestedNs, to: startNs });
  const args = { target, state, error, bytes: Math.round(bytes), downtime_ms: downtimeNs / 1e6 };
  yield slice(`to ${target}`, { ...at, from: startNs, to: endNs, args });
  let round = 0;
  for (const [i, mark] of marks.entries()) {
    const to = marks[i + 1]?.startNs ?? endNs - startNs;
    const name = mark.kind === "round" ? `round ${++round}` : mark.kind;
    yield slice(name, { ...at, from: startNs + mark.startNs, to: startNs + to });
  }
}
