/** Why a rule is refused, in words that OpenFlow has a number for. */
import { WasmvisorError } from "../../base/errors.ts";

export type FlowRefusal =
  | "bad-prerequisite"
  | "bad-value"
  | "bad-mask"
  | "bad-field"
  | "duplicate-field"
  | "bad-table"
  | "table-full"
  | "overlap"
  | "bad-goto"
  | "bad-out-port"
  | "bad-action"
  | "bad-action-argument"
  | "bad-set-value"
  | "too-many-actions";

export class FlowError extends WasmvisorError {
  readonly refusal: FlowRefusal;

  constructor(refusal: FlowRefusal, message: string) {
    super(refusal === "table-full" ? "WV_LIMIT" : "WV_CONFIG", message);
    this.refusal = refusal;
  }
}
