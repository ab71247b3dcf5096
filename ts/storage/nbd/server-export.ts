/** What an NBD server offers. */
import type { BlockBackend } from "../../machine/block.ts";
import * as nbd from "./protocol.ts";

export interface NbdExport {
  /** What clients ask for; "" is what they get who ask for nothing. */
  readonly name: string;
  readonly disk: BlockBackend;
  readonly readOnly?: boolean | undefined;
}

export function isReadOnly({ disk, readOnly }: NbdExport): boolean {
  return readOnly === true || disk.readOnly;
}

export function flagsOf(one: NbdExport): number {
  const always = nbd.HAS_FLAGS | nbd.SEND_FLUSH | nbd.SEND_DF | nbd.CAN_MULTI_CONN;
  if (isReadOnly(one)) return always | nbd.READ_ONLY;
  return always | nbd.SEND_FUA | nbd.SEND_TRIM | nbd.SEND_WRITE_ZEROES;
}
