/**
 * Whatever reads bytes of somebody else, against bytes that are wrong: it takes them, or throws an error of its own
 * with one of the codes that its callers know. A parser is an entry in a list, see `traces.ts`.
 */
import type { ErrorCode } from "../../ts/base/errors.ts";
import { WasmvisorError } from "../../ts/base/errors.ts";
import { Random } from "../../ts/base/random.ts";
import type { FuzzResult } from "../migrate/fuzz/fuzz.ts";
import { RAW } from "../migrate/fuzz/mutate.ts";

export interface FuzzedParser {
  readonly name: string;
  /** Inputs that it takes: they are what is changed. */
  readonly samples: readonly Uint8Array[];
  readonly parse: (bytes: Uint8Array) => unknown;
  readonly codes: readonly ErrorCode[];
  /** Makes the checksums fit again, so that what stands behind them is reached. */
  readonly mend?: (bytes: Uint8Array) => Uint8Array;
}

/** What stands in place of a number or word. */
const WORDS = ["", "-1", "NaN", "1e400", "9007199254740993", "0x10", "null", "{}", '"', "\n", ","];

type Mutation = (bytes: Uint8Array, at: number, random: Random) => Uint8Array;
const MUTATIONS: Readonly<Record<string, Mutation>> = {
  ...RAW,
  "word foreign": (bytes, at, random) => {
    let end = at;
    while (end < bytes.length && /[\w.]/.test(String.fromCharCode(bytes[end] as number))) end++;
    const word = Buffer.from(random.pick(WORDS));
    return Buffer.concat([bytes.subarray(0, at), word, bytes.subarray(end)]);
  },
};
const NAMES = Object.keys(MUTATIONS);
const MUTATIONS_MAX = 3;
const FAILURES_MAX = 20;

function changed(parser: FuzzedParser, random: Random): { name: string; bytes: Uint8Array } {
  // A copy: some mutations change a Buffer where it is.
  let bytes: Uint8Array = Uint8Array.from(random.pick(parser.samples));
  let name = "";
  for (let left = 1 + random.below(MUTATIONS_MAX); left > 0 && bytes.length > 0; left--) {
    name = random.pick(NAMES);
    bytes = (MUTATIONS[name] as Mutation)(bytes, random.below(bytes.length), random);
  }
  if (!parser.mend || random.below(2) === 0) return { name, bytes };
  return { name: `${name}, mended`, bytes: parser.mend(bytes) };
}

/** How it ended, and what is wrong with that. */
async function endingOf(
  { codes, parse }: FuzzedParser,
  bytes: Uint8Array,
): Promise<readonly [ending: string, wrong?: string]> {
  try {
    await parse(bytes);
    return ["taken"];
  } catch (error) {
    if (!(error instanceof WasmvisorError))
      return ["thrown", `it threw ${error instanceof Error ? error.stack : error}`];
    if (codes.includes(error.code)) return ["refused"];
    return ["thrown", `${error.code}: ${error.message}`];
  }
}

/** Each input is drawn from `seed` alone. */
export async function fuzzParsers(
  parsers: readonly FuzzedParser[],
  { inputs, seed }: { readonly inputs: number; readonly seed: number },
): Promise<FuzzResult> {
  const random = new Random(seed).split("parsers");
  const endings = new Map<string, number>();
  const coverage = new Map<string, number>();
  const failures: string[] = [];
  const add = (counts: Map<string, number>, key: string): void => {
    counts.set(key, (counts.get(key) ?? 0) + 1);
  };
  for (let input = 0; input < inputs; input++) {
    const parser = random.pick(parsers);
    const { bytes, name } = changed(parser, random);
    const [ending, wrong] = await endingOf(parser, bytes);
    add(endings, `${parser.name}, ${name}: ${ending}`);
    add(coverage, `${parser.name}: ${ending}`);
    if (wrong !== undefined && failures.length < FAILURES_MAX)
      failures.push(`input ${input} (${parser.name}, ${name}): ${wrong}`);
  }
  return { inputs, endings, coverage, failures };
}
