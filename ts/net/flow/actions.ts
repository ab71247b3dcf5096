/** What is done with the frames of a rule (OpenFlow 1.3, 5.9 to 5.12), checked. */
import { type Field, fullMask } from "./fields.ts";
import { FlowError } from "./flow-error.ts";
import type { Match } from "./match.ts";

/** Numbers that are no port of a switch. */
export const PORT_MAX = 0xffff_ff00;
export const PORT_IN = 0xffff_fff8;
export const PORT_TABLE = 0xffff_fff9;
export const PORT_NORMAL = 0xffff_fffa;
export const PORT_FLOOD = 0xffff_fffb;
export const PORT_ALL = 0xffff_fffc;
export const PORT_CONTROLLER = 0xffff_fffd;
export const PORT_LOCAL = 0xffff_fffe;
export const PORT_ANY = 0xffff_ffff;

/** A frame goes to the controller whole. */
export const WHOLE_FRAME = 0xffff;
const ACTIONS_MAX = 64;

export type Action =
  | {
      readonly type: "output";
      readonly port: number;
      /** Bytes of it that a controller gets. */
      readonly maxBytes: number;
    }
  | { readonly type: "set"; readonly field: Field; readonly value: bigint }
  | { readonly type: "push-vlan"; readonly etherType: number }
  | { readonly type: "pop-vlan" };

/** What becomes of a frame that a rule is for. */
export interface Instructions {
  /** Done at once, in their order. */
  readonly apply: readonly Action[];
  /** Kept until the last table; each kind of action once. */
  readonly write: readonly Action[];
  /** Forgets first what tables before have kept. */
  readonly isClearing: boolean;
  readonly metadata?: { readonly value: bigint; readonly mask: bigint } | undefined;
  readonly goto?: number | undefined;
}

export const NO_INSTRUCTIONS: Instructions = { apply: [], write: [], isClearing: false };

export const output = (port: number, maxBytes = WHOLE_FRAME): Action => ({
  type: "output",
  port,
  maxBytes,
});

/** Throws {@link FlowError}. `match`: what is known of the frames, where there is a rule. */
export function checkInstructions(instructions: Instructions, table: number, match: Match): void {
  checkActions(instructions.apply, match);
  checkActions(instructions.write, match);
  if (instructions.goto !== undefined && instructions.goto <= table)
    throw new FlowError("bad-goto", `goto_table: expected one after ${table}`);
}

/** Throws {@link FlowError}. */
export function checkActions(actions: readonly Action[], match?: Match): void {
  if (actions.length > ACTIONS_MAX)
    throw new FlowError("too-many-actions", `actions: expected at most ${ACTIONS_MAX}`);
  let hasTag = match?.some((one) => one.field.name === "vlan_vid" && one.value !== 0n) ?? true;
  for (const action of actions) {
    if (action.type === "push-vlan") hasTag = true;
    if (action.type === "output") checkPort(action.port, match !== undefined);
    else if (action.type === "set") checkSet(action.field, action.value, { match, hasTag });
    else if (action.type === "push-vlan" && action.etherType !== 0x8100)
      throw new FlowError("bad-action-argument", "push_vlan: expected 0x8100");
  }
}

function checkPort(port: number, isRule: boolean): void {
  if (isRule && port === PORT_TABLE)
    throw new FlowError("bad-out-port", "output: only a controller's own frames go to the tables");
  if (port === PORT_ANY || port === 0 || (port > PORT_MAX && port < PORT_IN))
    throw new FlowError("bad-out-port", `output: ${port} is no port`);
}

function checkSet(
  field: Field,
  value: bigint,
  { hasTag, match }: { readonly match: Match | undefined; readonly hasTag: boolean },
): void {
  if (!field.isSettable)
    throw new FlowError("bad-action-argument", `set_field: ${field.name} cannot be set`);
  const isVlan = field.name === "vlan_vid";
  if (value < 0n || value > fullMask(field) || (isVlan && (value & 0x1000n) === 0n))
    throw new FlowError("bad-set-value", `set_field: ${field.name} cannot be ${value}`);
  if (!match) return;
  const isMet = field.needs.every((need) =>
    need.values.length === 0
      ? hasTag
      : match.some(
          (one) => one.field.name === need.field && need.values.includes(Number(one.value)),
        ),
  );
  if (!isMet || (isVlan && !hasTag))
    throw new FlowError(
      "bad-prerequisite",
      `set_field: ${field.name}: the rule does not ask for what it needs`,
    );
}
