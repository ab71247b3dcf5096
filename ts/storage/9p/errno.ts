/** Errors as 9P2000.L has them: numbers of Linux, whatever the host's own are. */
export const EPERM = 1;
export const ENOENT = 2;
export const EIO = 5;
export const EBADF = 9;
export const EEXIST = 17;
export const ENOTDIR = 20;
export const EISDIR = 21;
export const EINVAL = 22;
export const ENFILE = 23;
export const EROFS = 30;
export const ENAMETOOLONG = 36;
export const EPROTO = 71;
export const EOPNOTSUPP = 95;
export const ESTALE = 116;

/** What a client is told in place of an answer. */
export class FileError extends Error {
  override readonly name = "FileError";
  readonly errno: number;

  constructor(errno: number, message = "") {
    super(message);
    this.errno = errno;
  }
}

/** The number for whatever was thrown: the system's own, or EIO for what nobody expected. */
export function errnoOf(error: unknown): number {
  if (error instanceof FileError) return error.errno;
  const { errno } = error as { errno?: unknown };
  return typeof errno === "number" && errno < 0 && errno > -4096 ? -errno : EIO;
}
