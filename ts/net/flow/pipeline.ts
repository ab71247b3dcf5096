/**
 * The flow tables of a switch (OpenFlow 1.3, section 5): a frame passes from table to table, and what they say is done.
 * What the tables say of a frame is a function of its key, so it is worked out once for each key and then kept until a
 * rule changes.
 */
import type { Clock } from "../../base/clock.ts";
import { runTask, type Task, wait } from "../../base/task.ts";
import type { Frame } from "../../machine/nic.ts";
import {
  type Action,
  checkInstructions,
  type Instructions,
  NO_INSTRUCTIONS,
  PORT_ANY,
  PORT_CONTROLLER,
} from "./actions.ts";
import { FIELDS, KEY_METADATA, KEY_TYPE_VLAN, KEY_WORDS, VID_PRESENT } from "./fields.ts";
import { FlowCache } from "./flow-cache.ts";
import type { FlowEntry, FlowRule, RemovalReason } from "./flow-entry.ts";
import { FlowError } from "./flow-error.ts";
import { FlowTable } from "./flow-table.ts";
import { isVlanType, readKey } from "./key.ts";
import { compileMatch, covers, type Match, overlaps, putField } from "./match.ts";
import { Rewriter } from "./rewrite.ts";

export const TABLES = 8;
export const TABLE_ALL = 0xff;
const EXPIRE_NS = 1e9;

/** A frame that a rule sends to the controller. */
export interface FrameIn {
  readonly frame: Frame;
  readonly inPort: number;
  /** `no-match`: by the rule for what no other one is for. */
  readonly reason: "no-match" | "action";
  readonly table: number;
  readonly cookie: bigint;
  readonly maxBytes: number;
}

/** What a switch does for its tables. */
export interface FlowOutput {
  /** `port` may be one of the reserved ones, but not the controller. */
  emit(frame: Frame, port: number, inPort: number): void;
}

export interface FlowEvents {
  onFrame?(frame: FrameIn): void;
  onRemoved?(entry: FlowEntry, reason: RemovalReason): void;
}

/** Which rules are meant. */
export interface FlowSelection {
  /** {@link TABLE_ALL}: all. */
  readonly table: number;
  readonly match: Match;
  /** Just this match and priority; undefined: all that the match covers. */
  readonly priority?: number | undefined;
  /** Only those that have an output to it. */
  readonly outPort?: number | undefined;
  readonly cookie?: bigint | undefined;
  readonly cookieMask?: bigint | undefined;
}

/** What is done with all frames of one key. */
interface Program {
  readonly steps: readonly Step[];
  readonly entries: readonly FlowEntry[];
  readonly tables: readonly FlowTable[];
}

interface Step {
  readonly action: Action;
  readonly by: { readonly rule: FlowRule };
}

/** What a packet-out's frames are by. */
const NOBODYS: FlowRule = {
  table: 0,
  priority: 1,
  match: [],
  cookie: 0xffff_ffff_ffff_ffffn,
  idleSec: 0,
  hardSec: 0,
  instructions: NO_INSTRUCTIONS,
  isRemovalTold: false,
  flags: 0,
};
const WRITE_ORDER = ["pop-vlan", "push-vlan", "set", "output"] as const;

export class FlowPipeline {
  readonly tables: readonly FlowTable[];
  readonly #clock: Clock;
  readonly #output: FlowOutput;
  readonly #cache = new FlowCache<Program>();
  readonly #key = new Uint32Array(KEY_WORDS);
  readonly #looked = new Uint32Array(KEY_WORDS);
  readonly #listeners = new Set<FlowEvents>();
  #layer = 2;
  #isExpiring = false;
  #isClosed = false;

  constructor(parts: { readonly clock: Clock; readonly output: FlowOutput }) {
    this.#clock = parts.clock;
    this.#output = parts.output;
    this.tables = Array.from({ length: TABLES }, (_, i) => new FlowTable(i));
  }

  /** The result ends that. */
  listen(events: FlowEvents): () => void {
    this.#listeners.add(events);
    return () => void this.#listeners.delete(events);
  }

  close(): void {
    this.#isClosed = true;
    this.#listeners.clear();
  }

  /** A frame that came in through `inPort`. */
  process(frame: Frame, inPort: number, nowNs = this.#clock.nowNs()): void {
    const { bytes } = frame;
    const key = readKey(this.#key, bytes, inPort, this.#layer);
    let program = this.#cache.find(key);
    if (!program) {
      program = this.#resolve(key.slice(), frame, inPort);
      if (program.steps.length === 0 || !needsFrame(key, program)) this.#cache.put(key, program);
    }
    for (const table of program.tables) table.lookups++;
    for (const entry of program.entries) {
      entry.table.matched++;
      entry.frames++;
      entry.bytes += bytes.length;
      entry.usedNs = nowNs;
    }
    this.#execute(program.steps, frame, inPort);
  }

  /** Actions of nobody's rule: those of a packet-out. */
  perform(actions: readonly Action[], frame: Frame, inPort: number): void {
    this.#execute(
      actions.map((action) => ({ action, by: { rule: NOBODYS } })),
      frame,
      inPort,
    );
  }

  #execute(steps: readonly Step[], frame: Frame, inPort: number): void {
    let changed: Rewriter | undefined;
    for (const { action, by } of steps) {
      if (action.type === "output") {
        const its = changed ? changed.take() : frame;
        if (action.port === PORT_CONTROLLER) this.#toController(its, inPort, { action, by });
        else this.#output.emit(its, action.port, inPort);
      } else {
        changed ??= new Rewriter(frame);
        change(changed, action);
      }
    }
  }

  #toController(frame: Frame, inPort: number, { action, by }: Step): void {
    if (action.type !== "output") return;
    const { cookie, match, priority, table } = by.rule;
    const isMiss = priority === 0 && match.length === 0;
    const reason = isMiss ? "no-match" : "action";
    const { maxBytes } = action;
    for (const one of this.#listeners)
      one.onFrame?.({ frame, inPort, reason, table, cookie, maxBytes });
  }

  /** What all tables say of a key. `key` is changed as actions change the frame. */
  #resolve(key: Uint32Array, frame: Frame, inPort: number): Program {
    const steps: Step[] = [];
    const entries: FlowEntry[] = [];
    const tables: FlowTable[] = [];
    let kept: Step[] = [];
    let next: number | undefined = 0;
    while (next !== undefined) {
      const table = this.#table(next);
      tables.push(table);
      const by = table.find(key);
      if (!by) {
        kept = []; // A miss without a rule for it: dropped, with all that was kept.
        break;
      }
      entries.push(by);
      const { apply, goto, isClearing, metadata, write }: Instructions = by.rule.instructions;
      for (const action of apply) {
        steps.push({ action, by });
        if (action.type !== "output") this.#changeKey(key, steps, { frame, inPort });
      }
      if (isClearing) kept = [];
      kept = keep(kept, write, by);
      if (metadata) mixMetadata(key, metadata);
      next = goto;
    }
    kept.sort((a, b) => WRITE_ORDER.indexOf(a.action.type) - WRITE_ORDER.indexOf(b.action.type));
    return { steps: [...steps, ...kept], entries, tables };
  }

  /** The last step has changed the frame: its key as well. */
  #changeKey(
    key: Uint32Array,
    steps: readonly Step[],
    { frame, inPort }: { readonly frame: Frame; readonly inPort: number },
  ): void {
    const action = steps.at(-1)?.action;
    if (action?.type === "set") {
      putField(key, action.field, action.value);
      return;
    }
    const changed = new Rewriter(frame);
    for (const one of steps) if (one.action.type !== "output") change(changed, one.action);
    const metadata = key.slice(KEY_METADATA);
    readKey(key, changed.take().bytes, inPort, this.#layer).set(metadata, KEY_METADATA);
  }

  /**
   * Adds a rule; one with the same match and priority goes, and leaves its counters unless `counters` is `reset`.
   * Throws {@link FlowError}.
   */
  add(
    rule: FlowRule,
    options: {
      readonly overlap?: "allow" | "refuse" | undefined;
      readonly counters?: "keep" | "reset" | undefined;
    } = {},
  ): void {
    const table = this.#table(rule.table);
    const words = compileMatch(rule.match);
    checkInstructions(rule.instructions, rule.table, rule.match);
    const { goto } = rule.instructions;
    if (goto !== undefined && goto >= TABLES)
      throw new FlowError("bad-goto", `goto_table: there are ${TABLES} tables`);
    if (options.overlap === "refuse")
      for (const other of table.entries())
        if (other.rule.priority === rule.priority && overlaps(other.words, words))
          throw new FlowError("overlap", "a rule of the same priority is for some of these frames");
    const old = options.counters === "reset" ? undefined : table.same(words, rule.priority);
    const nowNs = this.#clock.nowNs();
    const counts = { frames: old?.frames ?? 0, bytes: old?.bytes ?? 0 };
    table.add({ rule, table, words, createdNs: nowNs, usedNs: nowNs, ...counts });
    this.#changed();
    if (rule.idleSec > 0 || rule.hardSec > 0) this.#expireLater();
  }

  /** Gives rules other instructions. The result says how many. Throws {@link FlowError}. */
  modify(
    selection: FlowSelection,
    instructions: Instructions,
    counters: "keep" | "reset" = "keep",
  ): number {
    const chosen = [...this.select(selection)];
    for (const { rule } of chosen) checkInstructions(instructions, rule.table, rule.match);
    for (const entry of chosen) {
      entry.rule = { ...entry.rule, instructions };
      if (counters === "reset") entry.frames = entry.bytes = 0;
    }
    this.#changed();
    return chosen.length;
  }

  /** Takes rules away. The result says how many. */
  remove(selection: FlowSelection, reason: RemovalReason = "deleted"): number {
    const chosen = [...this.select(selection)];
    for (const entry of chosen) this.#drop(entry, reason);
    this.#changed();
    return chosen.length;
  }

  /** Throws {@link FlowError} for a table that there is not. */
  *select(selection: FlowSelection): Generator<FlowEntry> {
    const { cookie = 0n, cookieMask = 0n, match, outPort = PORT_ANY, priority } = selection;
    const words = compileMatch(match);
    const isChosen = (entry: FlowEntry): boolean =>
      covers(words, entry.words) &&
      (entry.rule.cookie & cookieMask) === (cookie & cookieMask) &&
      (outPort === PORT_ANY || hasOutput(entry.rule.instructions, outPort));
    const tables = selection.table === TABLE_ALL ? this.tables : [this.#table(selection.table)];
    for (const table of tables) {
      const its =
        priority === undefined ? table.entries() : [table.same(words, priority)].filter(Boolean);
      for (const entry of [...(its as Iterable<FlowEntry>)]) if (isChosen(entry)) yield entry;
    }
  }

  /** Takes away what has outlived its time. */
  expire(): void {
    const nowNs = this.#clock.nowNs();
    let isChanged = false;
    for (const table of this.tables)
      for (const entry of [...table.entries()]) {
        const reason = outlived(entry, nowNs);
        if (reason) this.#drop(entry, reason);
        if (reason) isChanged = true;
      }
    if (isChanged) this.#changed();
  }

  #drop(entry: FlowEntry, reason: RemovalReason): void {
    entry.table.remove(entry);
    for (const one of this.#listeners) one.onRemoved?.(entry, reason);
  }

  #table(number: number): FlowTable {
    const table = this.tables[number as 0] as FlowTable | undefined;
    if (table) return table;
    throw new FlowError("bad-table", `table: expected 0 to ${TABLES - 1}, got ${number}`);
  }

  #changed(): void {
    const looked = this.#looked.fill(0);
    for (const table of this.tables) table.addMasks(looked);
    // What a `pop_vlan` finds below is not in the key: the type says that there is something.
    looked[KEY_TYPE_VLAN] = 0xffff_ffff;
    this.#layer = 2;
    for (const field of FIELDS)
      if (field.parts.some(({ word }) => looked[word] !== 0))
        this.#layer = Math.max(this.#layer, field.layer);
    this.#cache.reset(looked);
  }

  #expireLater(): void {
    if (this.#isExpiring) return;
    this.#isExpiring = true;
    runTask(this.#expireAll());
  }

  *#expireAll(): Task<void> {
    const mayExpire = ({ rule }: FlowEntry): boolean => rule.idleSec > 0 || rule.hardSec > 0;
    do {
      yield* wait(this.#clock.sleep(EXPIRE_NS));
      this.expire();
    } while (!this.#isClosed && this.tables.some((table) => [...table.entries()].some(mayExpire)));
    this.#isExpiring = false;
  }
}

function change(rewriter: Rewriter, action: Action): void {
  if (action.type === "set") rewriter.set(action.field, action.value);
  else if (action.type === "push-vlan") rewriter.pushVlan();
  else if (action.type === "pop-vlan") rewriter.popVlan();
}

/** Is what the tables said no function of the key alone? So it is if a second tag came to light. */
function needsFrame(key: Uint32Array, program: Program): boolean {
  const word = key[KEY_TYPE_VLAN] as number;
  const isDouble = (word & VID_PRESENT) !== 0 && isVlanType(word >>> 16);
  return isDouble && program.steps.some(({ action }) => action.type === "pop-vlan");
}

/** The set of actions, with those of one more rule: each kind once, the later one counts. */
function keep(kept: Step[], write: readonly Action[], by: Step["by"]): Step[] {
  let all = kept;
  for (const action of write) {
    const isSame = (other: Action): boolean =>
      other.type === action.type &&
      (other.type !== "set" || action.type !== "set" || other.field === action.field);
    all = [...all.filter((step) => !isSame(step.action)), { action, by }];
  }
  return all;
}

function mixMetadata(
  key: Uint32Array,
  { mask, value }: { readonly value: bigint; readonly mask: bigint },
): void {
  const old =
    (BigInt(key[KEY_METADATA] as number) << 32n) | BigInt(key[KEY_METADATA + 1] as number);
  const mixed = (old & ~mask) | (value & mask);
  key[KEY_METADATA] = Number(mixed >> 32n);
  key[KEY_METADATA + 1] = Number(mixed & 0xffff_ffffn);
}

function hasOutput({ apply, write }: Instructions, port: number): boolean {
  return [...apply, ...write].some((one) => one.type === "output" && one.port === port);
}

function outlived(
  { createdNs, rule, usedNs }: FlowEntry,
  nowNs: number,
): RemovalReason | undefined {
  if (rule.hardSec > 0 && nowNs - createdNs >= rule.hardSec * 1e9) return "hard";
  if (rule.idleSec > 0 && nowNs - usedNs >= rule.idleSec * 1e9) return "idle";
  return undefined;
}
