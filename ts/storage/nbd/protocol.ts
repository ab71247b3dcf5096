/** Numbers of the NBD protocol (fixed newstyle); all integers on the wire are big-endian. */
import { WasmvisorError } from "../../base/errors.ts";

export const DEFAULT_PORT = 10809;
export const MAGIC_INIT = 0x4e42_444d_4147_4943n;
export const MAGIC_OPTION = 0x4948_4156_454f_5054n;
export const MAGIC_OPTION_REPLY = 0x0003_e889_0455_65a9n;
export const MAGIC_REQUEST = 0x2560_9513;
export const MAGIC_SIMPLE_REPLY = 0x6744_6698;
export const MAGIC_STRUCTURED_REPLY = 0x668e_33ef;

/** Handshake flags, the same from both sides. */
export const FIXED_NEWSTYLE = 1;
export const NO_ZEROES = 2;

export const OPT_EXPORT_NAME = 1;
export const OPT_ABORT = 2;
export const OPT_LIST = 3;
export const OPT_STARTTLS = 5;
export const OPT_INFO = 6;
export const OPT_GO = 7;
export const OPT_STRUCTURED_REPLY = 8;
export const OPT_LIST_META_CONTEXT = 9;
export const OPT_SET_META_CONTEXT = 10;

export const REP_ACK = 1;
export const REP_SERVER = 2;
export const REP_INFO = 3;
export const REP_META_CONTEXT = 4;
/** Errors have this bit. */
export const REP_ERR_FIRST = 0x8000_0000;
export const REP_ERR_UNSUP = 0x8000_0001;
export const REP_ERR_POLICY = 0x8000_0002;
export const REP_ERR_INVALID = 0x8000_0003;
export const REP_ERR_TLS_REQD = 0x8000_0005;
export const REP_ERR_UNKNOWN = 0x8000_0006;
export const REP_ERR_TOO_BIG = 0x8000_0009;

export const INFO_EXPORT = 0;
export const INFO_BLOCK_SIZE = 3;

/** Transmission flags of an export. */
export const HAS_FLAGS = 1;
export const READ_ONLY = 2;
export const SEND_FLUSH = 4;
export const SEND_FUA = 8;
export const SEND_TRIM = 32;
export const SEND_WRITE_ZEROES = 64;
export const SEND_DF = 128;
export const CAN_MULTI_CONN = 256;

export const CMD_READ = 0;
export const CMD_WRITE = 1;
export const CMD_DISC = 2;
export const CMD_FLUSH = 3;
export const CMD_TRIM = 4;
export const CMD_WRITE_ZEROES = 6;
export const CMD_BLOCK_STATUS = 7;

export const FLAG_FUA = 1;
export const FLAG_NO_HOLE = 2;
export const FLAG_DF = 4;
export const FLAG_REQ_ONE = 8;

export const CHUNK_DONE = 1;
export const CHUNK_NONE = 0;
export const CHUNK_OFFSET_DATA = 1;
export const CHUNK_OFFSET_HOLE = 2;
export const CHUNK_BLOCK_STATUS = 5;
export const CHUNK_ERROR = 0x8001;
export const CHUNK_ERROR_OFFSET = 0x8002;

export const STATE_HOLE = 1;
export const STATE_ZERO = 2;
export const META_ALLOCATION = "base:allocation";

export const EPERM = 1;
export const EIO = 5;
export const EINVAL = 22;
export const ENOSPC = 28;

export const REQUEST_BYTES = 28;
/** Of one request: what QEMU and the kernel send at most. */
export const PAYLOAD_BYTES_MAX = 32 * 1024 * 1024;
export const NAME_BYTES_MAX = 4096;

/** Where an export is. */
export interface NbdAddress {
  /** TLS is asked for before anything is said. */
  readonly isSecure: boolean;
  readonly host: string;
  readonly port: number;
  readonly name: string;
}

export function isNbdUrl(text: string): boolean {
  return /^nbds?:\/\//.test(text);
}

/** Reads `nbd://HOST[:PORT][/EXPORT]`, or `nbds://`. Throws `WV_CONFIG`. */
export function parseNbdUrl(text: string): NbdAddress {
  const match = /^(nbds?):\/\/(\[[0-9a-fA-F:.]+\]|[\w.-]+)(?::(\d{1,5}))?(?:\/(.*))?$/s.exec(text);
  const port = match?.[3] === undefined ? DEFAULT_PORT : Number(match[3]);
  if (!match || port === 0 || port > 65535)
    throw new WasmvisorError(
      "WV_CONFIG",
      `disk: expected an address like nbd://host2:10809/export, got "${text}"`,
    );
  return {
    isSecure: match[1] === "nbds",
    host: (match[2] as string).replace(/^\[|\]$/g, ""),
    port,
    name: decodeURIComponent(match[4] ?? ""),
  };
}
