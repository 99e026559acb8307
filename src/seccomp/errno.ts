/**
 * Names of errno values, as far as containers-common knows them: 82 names, exact case.
 *
 * The numbers are those of Linux on all architectures but MIPS and PA-RISC.
 *
 * @see {@link https://github.com/torvalds/linux/blob/v6.12/include/uapi/asm-generic/errno.h}
 * @module
 */
import { SeccompError } from "./errors.ts";

/** Runs of names whose numbers follow each other. */
const NUMBERED: readonly [number: number, names: string][] = [
  [1, "EPERM ENOENT ESRCH"],
  [5, "EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV ENODEV"],
  [20, "ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM"],
  [34, "ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP"],
  [42, "ENOMSG EIDRM"],
  [66, "EREMOTE"],
  [74, "EBADMSG EOVERFLOW"],
  [84, "EILSEQ"],
  [87, "EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT"],
  [95, "EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET"],
  [103, "ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED"],
  [112, "EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE"],
  [122, "EDQUOT ENOMEDIUM EMEDIUMTYPE ECANCELED"],
  [130, "EOWNERDEAD ENOTRECOVERABLE"],
];

/** Number of each errno name that a profile may use. */
export const ERRNO_NUMBERS: ReadonlyMap<string, number> = new Map([
  ...NUMBERED.flatMap(([first, names]) => names.split(" ").map((name, at) => [name, first + at] as const)),
  ["ENOTSUP", 95],
]);

const OTHER_NUMBERS = /^(mips|parisc)/;

/**
 * The number that a profile's `errno` or `defaultErrno` gives: a decimal number up to 2^32-1, or a name.
 *
 * @param arch Native architecture, as the engine names it.
 * @throws {SeccompError} `ERR_SECCOMP_UNKNOWN_ERRNO` with containers-common's text `unknown errno NAME`.
 * @throws {SeccompError} `ERR_SECCOMP_UNSUPPORTED` for a name on an architecture with numbers of its own.
 */
export function errnoNumber(errno: string, arch: string): number {
  if (/^[0-9]{1,32}$/.test(errno) && Number(errno) <= 0xffff_ffff) return Number(errno);
  const number = ERRNO_NUMBERS.get(errno);
  if (number === undefined) {
    throw new SeccompError("ERR_SECCOMP_UNKNOWN_ERRNO", `unknown errno ${errno}`);
  }
  if (OTHER_NUMBERS.test(arch)) {
    throw new SeccompError("ERR_SECCOMP_UNSUPPORTED", `the number of ${errno} on ${arch} is not known`);
  }
  return number;
}
