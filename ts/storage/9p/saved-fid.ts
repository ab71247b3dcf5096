/** A fid in a saved state: how it is found again where its client goes. */
import { badState, type StateFields } from "../../machine/state-fields.ts";
import { NO_FID, S_IFMT } from "./messages.ts";
import { isPlainName } from "./names.ts";

export interface SavedFid {
  readonly number: number;
  /** Names from the root on. */
  readonly path: readonly string[];
  /** No name leads to it any more: whatever has this path is another file. */
  readonly isLost: boolean;
  /** File, directory or link, as in a mode; 0: not known. */
  readonly kind: number;
  readonly isOpenDirectory: boolean;
  /** `bytes`: how long the file is, if that is known. */
  readonly open: {
    readonly canRead: boolean;
    readonly canWrite: boolean;
    readonly appends: boolean;
    readonly bytes?: number | undefined;
  } | null;
}

/** Takes one apart, and believes nothing of it. States of before there were `isLost` and `kind` have neither. */
export function savedFid(fields: StateFields, depthMax: number): SavedFid {
  const isOld = fields.raw("isLost") === undefined;
  const isOpen = fields.raw("open") !== null;
  return {
    number: fields.integer("number", NO_FID - 1),
    path: checkedPath(fields.raw("path"), depthMax),
    isLost: isOld ? false : fields.flag("isLost"),
    kind: isOld ? 0 : fields.integer("kind") & S_IFMT,
    isOpenDirectory: fields.flag("isOpenDirectory"),
    open: isOpen ? modeOf(fields.object("open"), isOld) : null,
  };
}

function modeOf(fields: StateFields, isOld: boolean): SavedFid["open"] {
  return {
    canRead: fields.flag("canRead"),
    canWrite: fields.flag("canWrite"),
    appends: fields.flag("appends"),
    ...(isOld ? {} : { bytes: fields.integer("bytes", Number.MAX_SAFE_INTEGER) }),
  };
}

function checkedPath(value: unknown, depthMax: number): string[] {
  const isPath =
    Array.isArray(value) && value.length <= depthMax && value.every((name) => isPlainName(name));
  if (!isPath) throw badState("share.fids.path", "names", value);
  return value;
}
