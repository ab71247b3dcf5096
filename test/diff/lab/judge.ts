/**
 * Is it QEMU? A core that has QEMU's faults beside must behave like QEMU to the last bit, from the first
 * instruction of a program to its end; and without them like the core that is tested, which remembers
 * translations where this one walks. What that does not explain is nobody's fault but ours.
 */
import {
  compareDumps,
  compareExactly,
  type Judge,
  type Mismatch,
  type Verdict,
} from "../compare.ts";
import { findRule } from "../qemu-rules.ts";
import { Lab } from "./lab.ts";
import { MEMORY_FAULTS } from "./qemu-memory.ts";
import { SYSTEM_FAULTS } from "./qemu-system.ts";
import type { Fault } from "./source.ts";

export const QEMU_FAULTS: readonly Fault[] = [...MEMORY_FAULTS, ...SYSTEM_FAULTS];

export interface JudgeOptions {
  /** Faults that the tested core is known to have. */
  readonly own?: readonly Fault[] | undefined;
  /** Find out which faults of QEMU it was; else all that had a say are named. */
  readonly isExact?: boolean | undefined;
}

/** A judge of differences between QEMU and our core; `lab` has at least QEMU's faults. */
export function judgeOf(lab: Lab, { own = [], isExact = false }: JudgeOptions = {}): Judge {
  /** The faults without which the program would end otherwise. */
  async function guilty({ program }: Mismatch): Promise<string[]> {
    const { dumps, used } = await lab.run([program], [...QEMU_FAULTS, ...own]);
    if (!isExact) return used.filter((one) => !own.includes(one)).map(({ name }) => name);
    const names: string[] = [];
    for (const one of used) {
      if (own.includes(one)) continue;
      const others = [...QEMU_FAULTS, ...own].filter((fault) => fault !== one);
      const without = await lab.run([program], others);
      if (compareExactly(without.dumps[0], dumps[0]).length > 0) names.push(one.name);
    }
    return names;
  }

  return async (programs, mismatches) => {
    if (mismatches.length === 0) return [];
    const honest = await lab.run(programs, own);
    const faulty = await lab.run(programs, [...QEMU_FAULTS, ...own]);
    const verdicts: Verdict[] = [];
    for (const mismatch of mismatches) {
      const n = programs.indexOf(mismatch.program);
      const [qemu, core] = mismatch.dumps;
      const strange = compareExactly(core, honest.dumps[n]);
      if (strange.length > 0) {
        verdicts.push({
          rest: { ...mismatch, differences: strange, dumps: [core, honest.dumps[n]] },
        });
        continue;
      }
      const differences = compareDumps(qemu, faulty.dumps[n]);
      const rest: Mismatch = { ...mismatch, differences, dumps: [qemu, faulty.dumps[n]] };
      const rule = differences.length > 0 ? findRule(rest) : undefined;
      if (differences.length > 0 && !rule) verdicts.push({ rest });
      else verdicts.push({ names: [...(await guilty(mismatch)), ...(rule ? [rule.name] : [])] });
    }
    return verdicts;
  };
}

/** A judge with a core of its own. */
export async function qemuJudge(options: JudgeOptions = {}): Promise<Judge> {
  return judgeOf(await Lab.create(QEMU_FAULTS), options);
}
