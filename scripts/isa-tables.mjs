// Makes build/isa-tables.ts, AssemblyScript, from the instruction table in bindings/isa.ts: a tree of
// jump tables that finds the micro-operation of a 32-bit instruction, and the expansion of compressed
// ones. Run by `npm run build:core` before asc.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const read = (path) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const source = read("bindings/isa.ts");
const text = (name) => source.match(new RegExp(`export const ${name} = \`([^\`]*)\``))[1];
const numbers = new Map(
  [...read("assembly/isa/ops.ts").matchAll(/^export const (OP_\w+) = (\d+);/gm)].map((m) => [
    m[1],
    Number(m[2]),
  ]),
);

/** What becomes of the operands; the names are those of `decode.ts`. */
const SHAPES = ["RAW", "RAW_X", "X", "X_IMM", "X_UPPER", "LOAD", "IMM", "STORE", "CONTROL"];

// ---- Reading the table --------------------------------------------------------------------------

const bits = (high, low) => (2 ** (high - low + 1) - 1) * 2 ** low;

/** `encoded=value` ranges: [{high, low, at}], `at` the bit of the value that `low` holds. */
function rangesOf(spec) {
  return spec.split(",").map((part) => {
    const [encoded, value = "0"] = part.split("=").map((range) => range.split(":").map(Number));
    const [high, low = high] = encoded;
    return { high, low, at: value.length === 2 ? value[1] : Number(value[0]) };
  });
}

const fields = new Map(
  text("ISA_FIELDS")
    .trim()
    .split("\n")
    .map((line) => {
      const [name, kind, spec, ...flags] = line.split(/\s+/);
      const ranges = rangesOf(spec);
      const mask = ranges.reduce((sum, { high, low }) => sum + bits(high, low), 0);
      return [name, { name, kind, ranges, mask, flags: new Set(flags) }];
    }),
);

const WITH_ENCODING = [
  "OP_SYSTEM",
  "OP_AMO",
  "OP_FLOAT",
  "OP_FENCE_I",
  "OP_NOP",
  "OP_FLH",
  "OP_FSH",
];

function shapeOf(row) {
  const has = (...names) => names.some((name) => row.fields.some((field) => field.name === name));
  if (WITH_ENCODING.includes(row.op)) return "RAW";
  if (row.group === "branch") return "CONTROL";
  if (row.group === "store") return "STORE";
  if (row.group === "load") return has("rd") ? "LOAD" : "IMM";
  if (row.group === "float") return has("rd") ? "RAW_X" : "RAW";
  if (has("imm20")) return "X_UPPER";
  return has("imm12", "shamt6", "shamt5") ? "X_IMM" : "X";
}

function parseRow(line, [group, , sectionOp]) {
  const [, head, , expansion, , op] = line.match(/^([^=>]+)(= ([^>]+))?(> (\w+))?$/);
  const [name, word, ...names] = head.trim().split(/\s+/);
  const row = { name, group, bytes: word.length / 2, base: Number.parseInt(word, 16) };
  row.fields = names.map((field) => {
    if (!fields.has(field)) throw new Error(`${name}: no field "${field}"`);
    return fields.get(field);
  });
  const all = bits(row.bytes * 8 - 1, 0);
  row.mask = row.fields.reduce((mask, field) => mask - field.mask, all);
  row.expansion = expansion?.trim().split(/\s+/);
  row.op = op ?? sectionOp ?? `OP_${name.toUpperCase().replaceAll(".", "_")}`;
  return row;
}

function parseTable() {
  let section = [];
  return text("ISA_TABLE")
    .trim()
    .split("\n")
    .flatMap((line) => {
      if (!line.startsWith("@")) return line.split("|").map((row) => row.trim());
      return [line];
    })
    .flatMap((line) => {
      if (line.startsWith("@")) section = line.split(" ").slice(1);
      return line === "" || line.startsWith("@") ? [] : [parseRow(line, section)];
    })
    .filter(({ group }) => group !== "alias");
}

const count = (mask) => mask.toString(2).replaceAll("0", "").length;
const rows = parseTable().sort((a, b) => count(b.mask) - count(a.mask));

// ---- The tree -----------------------------------------------------------------------------------

/** Bits by which instructions may be told apart, the best first. */
const CHUNKS = [
  [31, 25],
  [14, 12],
  [24, 20],
  [11, 7],
  [19, 15],
];
const INNER = 2 ** 31;
/** The root: an entry for each funct3 and opcode (bits 14 to 12, 6 to 2). */
const ROOT_ENTRIES = 256;
const ROOT_BITS = 0x707f;
const entries = new Array(ROOT_ENTRIES);
const known = new Map();

function leafOf(row) {
  if (!row) return numbers.get("OP_ILLEGAL");
  if (!numbers.has(row.op)) throw new Error(`${row.name}: no ${row.op} in assembly/isa/ops.ts`);
  return numbers.get(row.op) | (SHAPES.indexOf(shapeOf(row)) << 8);
}

/** The highest run of ones of `mask` in a chunk, or undefined. */
function runIn(mask, [high, low]) {
  let top = high;
  while (top >= low && !((mask >>> top) & 1)) top--;
  let bottom = top;
  while (bottom > low && (mask >>> (bottom - 1)) & 1) bottom--;
  return top < low ? undefined : [top, bottom];
}

/** What to look at next: bits that all rows fix, if there are any. */
function nextRun(open) {
  const common = open.reduce((mask, bitsLeft) => mask & bitsLeft, -1);
  const any = open.reduce((mask, bitsLeft) => mask | bitsLeft, 0);
  for (const mask of [common, any])
    for (const chunk of CHUNKS) {
      const run = runIn(mask, chunk);
      if (run) return run;
    }
  throw new Error("rows that nothing tells apart");
}

/** Where `values` are in the table; equal parts of the tree are there once. */
function place(values) {
  const key = values.join();
  if (!known.has(key)) known.set(key, entries.push(...values) - values.length);
  return known.get(key);
}

/** The entry for `left`, the rows that are possible when the bits of `decided` are known. */
function entryFor(left, decided) {
  const open = left.map(({ mask }) => mask & ~decided);
  const last = open.indexOf(0);
  const possible = last < 0 ? left : left.slice(0, last + 1);
  const leaves = new Set(possible.map(leafOf));
  if (left.length === 0 || (last >= 0 && leaves.size === 1)) return leafOf(left[0]);
  const [high, low] = nextRun(open.slice(0, possible.length).filter((bitsLeft) => bitsLeft !== 0));
  const width = high - low + 1;
  const values = Array.from({ length: 2 ** width }, (_, value) => {
    const fits = ({ base, mask }) =>
      (((base >>> low) ^ value) & (mask >>> low) & bits(width - 1, 0)) === 0;
    return entryFor(possible.filter(fits), decided | bits(high, low));
  });
  return INNER + low * 2 ** 26 + width * 2 ** 23 + place(values);
}

function buildTree() {
  const wide = rows.filter(({ bytes }) => bytes === 4);
  for (let index = 0; index < ROOT_ENTRIES; index++) {
    const word = ((index >> 5) << 12) | ((index & 31) << 2) | 3;
    const fits = ({ base, mask }) => ((base ^ word) & mask & ROOT_BITS) === 0;
    entries[index] = entryFor(wide.filter(fits), ROOT_BITS);
  }
}

// ---- Compressed instructions ----------------------------------------------------------------------

const hex = (value) => `0x${(value >>> 0).toString(16)}`;

/** An expression: bits high..low of the 16-bit `c`, moved so that `low` becomes bit `to`. */
function move(high, low, to) {
  const masked = `(c & ${hex(bits(high, low))})`;
  if (to === low) return masked;
  return to > low ? `(${masked} << ${to - low})` : `(${masked} >> ${low - to})`;
}

/** What moves the value of the field `own` of `c` to the field `target`; with a sign to bit 31 of it. */
function moves(target, own) {
  const found = [];
  for (const to of target.ranges) {
    const end = to.at + to.high - to.low;
    for (const from of own.ranges) {
      const first = Math.max(to.at, from.at);
      const last = Math.min(end, from.at + from.high - from.low);
      const low = from.low + first - from.at;
      if (first <= last) found.push(move(low + last - first, low, to.low + first - to.at));
    }
    const top = Math.max(...own.ranges.map(({ high, low, at }) => high - low + at));
    if (!own.flags.has("signed") || end <= top) continue;
    const filled = bits(to.high, to.low + Math.max(0, top + 1 - to.at));
    found.push(`(<u32>(<i32>(c << 19) >> 31) & ${hex(filled)})`); // All signs are bit 12.
  }
  return found;
}

const constant = (target, value) =>
  target.ranges.reduce(
    (word, { high, low, at }) => word | (((value >>> at) & bits(high - low, 0)) << low),
    0,
  );

function expansionOf(row) {
  const [name, ...operands] = row.expansion;
  const target = rows.find((other) => other.name === name);
  const parts = [];
  let word = target.base;
  target.fields.forEach((field, n) => {
    const own = fields.get(operands[n]);
    if (own) parts.push(...moves(field, own));
    word |= constant(field, own ? (own.flags.has("short") ? 8 : 0) : Number(operands[n]));
  });
  return [hex(word), ...parts].join(" | ");
}

function expandLine(row) {
  const nonzero = row.fields.filter(({ flags }) => flags.has("nonzero"));
  const conditions = [`(c & ${hex(row.mask)}) == ${hex(row.base)}`]
    .concat(nonzero.map(({ mask }) => `c & ${hex(mask)}`))
    .join(" && ");
  return `      if (${conditions}) return ${expansionOf(row)}; // ${row.name}`;
}

/** One case for each quadrant and funct3; reserved encodings give 0. */
function expandText() {
  const cases = new Map();
  for (const row of rows.filter(({ bytes }) => bytes === 2)) {
    const key = ((row.base & 3) << 3) | (row.base >> 13);
    cases.set(key, [...(cases.get(key) ?? []), expandLine(row)]);
  }
  return [...cases]
    .sort(([a], [b]) => a - b)
    .map(([key, lines]) => [`    case ${key}:`, ...lines, "      return 0;"].join("\n"))
    .join("\n");
}

// ---- Writing --------------------------------------------------------------------------------------

buildTree();
mkdirSync(new URL("../build/", import.meta.url), { recursive: true });
writeFileSync(
  new URL("../build/isa-tables.ts", import.meta.url),
  `// Made by scripts/isa-tables.mjs from bindings/isa.ts.
${SHAPES.map((name, n) => `export const SHAPE_${name}: u32 = ${n};`).join("\n")}

/**
 * Entries {u8 op, u8 shape}, or INNER {5 bits shift, 3 bits width, 23 bits first entry} that says which
 * bits of the instruction choose the next one. The first 256 belong to funct3 and bits 6 to 2.
 */
export const DECODE: usize = memory.data<u32>([${entries.map(hex).join(", ")}]);

/** The 32-bit instruction that the 16-bit \`c\` stands for, or 0 if \`c\` is illegal. */
export function expand(c: u32): u32 {
  switch (((c & 3) << 3) | (c >> 13)) {
${expandText()}
    default:
      return 0;
  }
}
`,
);
