/**
 * Constraints of a plan: `workingSet <= memory / 2`, `dirtyRate * 4KiB < bandwidth`. Sums and products
 * of axes, numbers and quantities with their units, compared once; words in quotes are compared as they are.
 *
 *   constraint = sum ("<" | "<=" | ">" | ">=" | "==" | "!=") sum
 *   sum = product (("+" | "-") product)*      product = value (("*" | "/") value)*
 *   value = number | quantity | axis | 'word' | "(" sum ")"
 */
import { WasmvisorError } from "../base/errors.ts";
import { parseRate, parseSize, parseTime } from "../base/units.ts";

export type Value = number | string;
/** What an axis is at a point, by its name. */
export type Lookup = (axis: string) => Value;
export type Constraint = (lookup: Lookup) => boolean;
type Expression = (lookup: Lookup) => Value;

const TOKEN =
  /\s*(?:(\d+(?:\.\d+)?(?:[A-Za-z]+(?:\/s)?)?)|([A-Za-z]\w*)|'([^']*)'|(<=|>=|==|!=|[-+*/()<>]))/y;

interface Token {
  readonly kind: "number" | "axis" | "word" | "sign";
  readonly text: string;
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match) throw fault(`does not read ${JSON.stringify(text.slice(at))}`);
    const [, number, axis, word, sign] = match;
    if (number !== undefined) tokens.push({ kind: "number", text: number });
    else if (axis !== undefined) tokens.push({ kind: "axis", text: axis });
    else if (word !== undefined) tokens.push({ kind: "word", text: word });
    else tokens.push({ kind: "sign", text: sign as string });
  }
  return tokens;
}

function fault(what: string): WasmvisorError {
  return new WasmvisorError("WV_BAD_PLAN", `a constraint like "workingSet <= memory / 2": ${what}`);
}

/** A number, or a quantity in bytes, nanoseconds or bytes a second. */
function quantity(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  for (const parse of [parseSize, parseTime, parseRate])
    try {
      return parse(text, "");
    } catch {
      // Perhaps it is of another kind.
    }
  throw fault(`${text} is no number, size, time or rate`);
}

const ARITHMETIC: Readonly<Record<string, (a: number, b: number) => number>> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
};
const COMPARISONS: Readonly<Record<string, (a: Value, b: Value) => boolean>> = {
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
};

class Parser {
  readonly #tokens: readonly Token[];
  readonly #axes: ReadonlySet<string>;
  #at = 0;

  constructor(text: string, axes: ReadonlySet<string>) {
    this.#tokens = tokensOf(text);
    this.#axes = axes;
  }

  constraint(): Constraint {
    const left = this.#sum();
    const compare = COMPARISONS[this.#tokens[this.#at++]?.text ?? ""];
    if (!compare) throw fault("expected a comparison");
    const right = this.#sum();
    const rest = this.#tokens[this.#at];
    if (rest) throw fault(`does not expect ${JSON.stringify(rest.text)}`);
    return (lookup) => compare(left(lookup), right(lookup));
  }

  #chain(signs: string, next: () => Expression): Expression {
    let left = next();
    for (;;) {
      const sign = this.#tokens[this.#at];
      if (sign?.kind !== "sign" || !signs.includes(sign.text)) return left;
      this.#at++;
      const apply = ARITHMETIC[sign.text] as (a: number, b: number) => number;
      const [a, b] = [left, next()];
      left = (lookup) => apply(Number(a(lookup)), Number(b(lookup)));
    }
  }

  #sum(): Expression {
    return this.#chain("+-", () => this.#chain("*/", () => this.#value()));
  }

  #value(): Expression {
    const token = this.#tokens[this.#at++];
    if (!token) throw fault("ends too early");
    const { kind, text } = token;
    if (kind === "number") {
      const value = quantity(text);
      return () => value;
    }
    if (kind === "word") return () => text;
    if (kind === "axis") {
      if (!this.#axes.has(text)) throw fault(`there is no axis ${text}`);
      return (lookup) => lookup(text);
    }
    if (text !== "(") throw fault(`does not expect ${JSON.stringify(text)}`);
    const inner = this.#sum();
    if (this.#tokens[this.#at++]?.text !== ")") throw fault("a bracket is not closed");
    return inner;
  }
}

/** Reads a constraint over `axes`. Throws `WV_BAD_PLAN`. */
export function parseConstraint(text: string, axes: ReadonlySet<string>): Constraint {
  return new Parser(text, axes).constraint();
}
