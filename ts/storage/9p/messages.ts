/**
 * Numbers of 9P2000.L. Every message is little-endian:
 *
 *   size u32 (all of it)  type u8  tag u16  body
 *
 * in the body, text is a length of 16 bits and bytes, and a qid (what a file is) is
 *
 *   type u8  version u32  path u64
 */
export const R_LERROR = 7;
export const T_STATFS = 8;
export const T_LOPEN = 12;
export const T_LCREATE = 14;
export const T_SYMLINK = 16;
export const T_MKNOD = 18;
export const T_RENAME = 20;
export const T_READLINK = 22;
export const T_GETATTR = 24;
export const T_SETATTR = 26;
export const T_XATTRWALK = 30;
export const T_XATTRCREATE = 32;
export const T_READDIR = 40;
export const T_FSYNC = 50;
export const T_LOCK = 52;
export const T_GETLOCK = 54;
export const T_LINK = 70;
export const T_MKDIR = 72;
export const T_RENAMEAT = 74;
export const T_UNLINKAT = 76;
export const T_VERSION = 100;
export const T_AUTH = 102;
export const T_ATTACH = 104;
export const T_FLUSH = 108;
export const T_WALK = 110;
export const T_READ = 116;
export const T_WRITE = 118;
export const T_CLUNK = 120;
export const T_REMOVE = 122;

export const HEADER_BYTES = 7;
/** Of a reply to READ or READDIR, before the data. */
export const DATA_HEADER_BYTES = HEADER_BYTES + 4;
/** Of a WRITE, before the data; what `iounit` leaves room for. */
export const IO_HEADER_BYTES = 24;

export const NO_TAG = 0xffff;
export const NO_FID = 0xffff_ffff;
export const VERSION = "9P2000.L";

/** Largest and smallest message that two sides may agree on. */
export const MSIZE_MAX = 512 * 1024;
export const MSIZE_MIN = 4096;
export const WALK_NAMES_MAX = 16;
export const NAME_BYTES_MAX = 255;
export const TARGET_BYTES_MAX = 4095;

export const QID_DIR = 0x80;
export const QID_SYMLINK = 0x02;

export const S_IFMT = 0o170000;
export const S_IFREG = 0o100000;
export const S_IFDIR = 0o040000;
export const S_IFLNK = 0o120000;

/** Flags of LOPEN and LCREATE: those of Linux's generic ABI. */
export const OPEN_ACCESS = 3;
export const OPEN_RDONLY = 0;
export const OPEN_WRONLY = 1;
export const OPEN_RDWR = 2;
export const OPEN_EXCL = 0o200;
export const OPEN_TRUNC = 0o1000;
export const OPEN_APPEND = 0o2000;

/** Bits of SETATTR's `valid`. */
export const SET_MODE = 1;
export const SET_UID = 2;
export const SET_GID = 4;
export const SET_SIZE = 8;
export const SET_ATIME = 16;
export const SET_MTIME = 32;
export const SET_ATIME_GIVEN = 128;
export const SET_MTIME_GIVEN = 256;

/** Everything that GETATTR may be asked for but btime, gen and data_version. */
export const GETATTR_BASIC = 0x7ff;

export const UNLINK_DIR = 0x200;
export const LOCK_SUCCESS = 0;
export const LOCK_UNLOCKED = 2;
