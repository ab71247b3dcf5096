/** Google's cluster data of 2019: the table `instance_usage` as BigQuery exports it, a JSON object a line. */
import { z } from "zod";
import type { Collector } from "./collector.ts";
import { badTrace, linesOf } from "./lines.ts";

/** BigQuery writes 64-bit integers as text. */
const integer = z
  .union([z.string().regex(/^\d{1,19}$/, "expected an integer"), z.int().min(0)])
  .transform(Number);
const share = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^\d*\.?\d+([eE][-+]?\d+)?$/)
      .transform(Number),
  ])
  .pipe(z.number().min(0));

const usage = z.object({
  start_time: integer,
  end_time: integer,
  collection_id: integer.or(z.string()).transform(String),
  instance_index: integer,
  average_usage: z.object({ cpus: share, memory: share.optional() }),
  assigned_memory: share.optional(),
});

interface Machine {
  readonly machineCpus: number;
  readonly machineBytes: number;
}

export async function readGoogle2019(
  file: string,
  machine: Machine,
  collector: Collector,
): Promise<void> {
  let line = 0;
  for await (const text of linesOf(file)) {
    line++;
    if (text.trim() === "") continue;
    const row = parse(file, line, text);
    const {
      assigned_memory: assigned,
      average_usage: average,
      end_time: end,
      start_time: start,
    } = row;
    const column = Math.max(0, text.indexOf('"start_time"')) + 1;
    if (end < start) badTrace(file, line, column, "end_time: it ends before it begins");
    const name = `${row.collection_id}-${row.instance_index}`;
    const cpus = average.cpus * machine.machineCpus;
    if (!collector.vm(name, cpus, (assigned ?? average.memory ?? 0) * machine.machineBytes))
      continue;
    collector.sample(name, start * 1e3, cpus, () =>
      badTrace(
        file,
        line,
        column,
        "start_time: time goes backwards for this vm; sort the file by time",
      ),
    );
  }
}

function parse(file: string, line: number, text: string): z.output<typeof usage> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return badTrace(
      file,
      line,
      1,
      `no JSON: ${(error as Error).message}; expected one object a line`,
    );
  }
  const parsed = usage.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue?.path.join(".") ?? "";
  const key = `"${String(issue?.path.at(-1) ?? "")}"`;
  return badTrace(
    file,
    line,
    Math.max(0, text.indexOf(key)) + 1,
    `${path}: ${issue?.message}; export the table instance_usage`,
  );
}
