/** Keys as text: 44 characters of base64, as `wg` writes and reads them. */
import { WasmvisorError } from "../../base/errors.ts";
import { KEY_BYTES } from "./crypto.ts";

const FORM = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

export const formatKey = (key: Uint8Array): string => Buffer.from(key).toString("base64");

/** Throws `WV_CONFIG`; the message does not show what it got: it might be a secret. */
export function parseKey(text: string, what: string): Uint8Array {
  const its = text.trim();
  if (!FORM.test(its))
    throw new WasmvisorError(
      "WV_CONFIG",
      `${what}: expected a key of ${KEY_BYTES} bytes in base64`,
    );
  return new Uint8Array(Buffer.from(its, "base64"));
}
