/** Reads the file of a data centre, and the traces that it names. */
import { dirname, resolve } from "node:path";
import { checkYaml } from "../sweep/checked-yaml.ts";
import { buildCentre } from "./build-centre.ts";
import { type CentreFile, centreSchema } from "./centre-schema.ts";
import type { Centre } from "./model.ts";
import { readTrace } from "./traces/read-trace.ts";
import type { TracedVm } from "./traces/traced-vm.ts";

export interface LoadedCentre {
  readonly file: CentreFile;
  readonly centre: Centre;
}

/** Throws `WV_BAD_PLAN` or `WV_BAD_TRACE`, whose messages say file, line, column, and what to do. */
export async function loadCentre(
  text: string,
  fileName: string,
  seed?: number | undefined,
): Promise<LoadedCentre> {
  const { data, fail } = checkYaml(centreSchema, text, fileName);
  const file = seed === undefined ? data : { ...data, seed };
  const traced = new Map<number, readonly TracedVm[]>();
  for (const [g, group] of file.vms.entries()) {
    if (!("trace" in group)) continue;
    const files = Object.fromEntries(
      Object.entries(group.files).map(([table, path]) => [table, resolve(dirname(fileName), path)]),
    );
    const { cpus, limit, memory, trace } = group;
    traced.set(
      g,
      await readTrace({ format: trace, files, limit, machineCpus: cpus, machineBytes: memory }),
    );
  }
  return { file, centre: buildCentre(file, traced, fail) };
}
