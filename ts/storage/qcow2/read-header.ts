import { WasmvisorError } from "../../base/errors.ts";
import type { ImageFile } from "../image-file.ts";
import { badImage, parseHeader, type Qcow2Header, REMEDY_CHECK } from "./format.ts";

/** What an image begins with. Throws `WV_DISK`. */
export function readHeader(file: ImageFile): Qcow2Header {
  const head = new Uint8Array(Math.min(Math.max(file.bytes, 104), 2 ** 21));
  try {
    file.read(0, head);
    return parseHeader(file.path, head, file.bytes);
  } catch (error) {
    if (error instanceof RangeError)
      throw badImage(file.path, `its header is cut; ${REMEDY_CHECK}`, 0);
    throw error instanceof WasmvisorError ? error : badImage(file.path, String(error));
  }
}
