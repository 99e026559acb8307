/**
 * Names of errno values, as far as containers-common knows them: 82 names, exact case.
 *
 * Up to 34 the numbers are the same everywhere. The rest are those of the native architecture: MIPS and PA-RISC have
 * numbers of their own, all other architectures that a filter can cover have the same.
 *
 * @see {@link https://github.com/torvalds/linux/blob/v6.12/include/uapi/asm-generic/errno.h}
 * @see {@link https://github.com/torvalds/linux/blob/v6.12/arch/mips/include/uapi/asm/errno.h}
 * @see {@link https://github.com/torvalds/linux/blob/v6.12/arch/parisc/include/uapi/asm/errno.h}
 * @module
 */
import { SeccompError } from "./errors.ts";

/** Runs of names whose numbers follow each other. */
type Runs = readonly [number: number, names: string][];

const COMMON: Runs = [
  [1, "EPERM ENOENT ESRCH"],
  [5, "EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV ENODEV"],
  [20, "ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM"],
  [34, "ERANGE"],
];
const SOCKETS = "ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT";
const PROTOCOLS = [
  "EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN",
  "ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN",
].join(" ");
const LOST = "ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED";
const GENERIC: Runs = [
  [35, "EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP"],
  [42, "ENOMSG EIDRM"],
  [66, "EREMOTE"],
  [74, "EBADMSG EOVERFLOW"],
  [84, "EILSEQ"],
  [87, `EUSERS ${SOCKETS} ${PROTOCOLS} ${LOST} EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE`],
  [95, "ENOTSUP"],
  [122, "EDQUOT ENOMEDIUM EMEDIUMTYPE ECANCELED"],
  [130, "EOWNERDEAD ENOTRECOVERABLE"],
];
const MIPS: Runs = [
  [35, "ENOMSG EIDRM"],
  [45, "EDEADLK ENOLCK"],
  [66, "EREMOTE"],
  [77, "EBADMSG ENAMETOOLONG EOVERFLOW"],
  [88, "EILSEQ ENOSYS ELOOP"],
  [93, `ENOTEMPTY EUSERS ${SOCKETS}`],
  [120, PROTOCOLS],
  [122, "ENOTSUP"],
  [143, `${LOST} EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE`],
  [158, "ECANCELED ENOMEDIUM EMEDIUMTYPE"],
  [165, "EOWNERDEAD ENOTRECOVERABLE"],
  [1133, "EDQUOT"],
];
const PARISC: Runs = [
  [35, "ENOMSG EIDRM"],
  [45, "EDEADLK ENOLCK EILSEQ"],
  [67, "EBADMSG EUSERS EDQUOT ESTALE EREMOTE EOVERFLOW"],
  [182, "ENOMEDIUM EMEDIUMTYPE"],
  [216, `${SOCKETS} ${PROTOCOLS} ${LOST}`],
  [241, "EHOSTDOWN EHOSTUNREACH"],
  [244, "EALREADY EINPROGRESS"],
  [247, "ENOTEMPTY ENAMETOOLONG ELOOP"],
  [251, "ENOSYS ENOTSUP ECANCELED EOWNERDEAD ENOTRECOVERABLE"],
];

/** Number of each errno name that a profile may use, on all architectures but MIPS and PA-RISC. */
export const ERRNO_NUMBERS: ReadonlyMap<string, number> = numbersOf(GENERIC);
const MIPS_NUMBERS = numbersOf(MIPS);
const PARISC_NUMBERS = numbersOf(PARISC);

function numbersOf(own: Runs): ReadonlyMap<string, number> {
  return new Map(
    [...COMMON, ...own].flatMap(([first, names]) =>
      names.split(" ").map((name, at) => [name, first + at] as const),
    ),
  );
}

/** The numbers of errno names on an architecture, by any of its spellings that engines use. */
export function errnoNumbers(arch: string): ReadonlyMap<string, number> {
  if (arch.startsWith("mips")) return MIPS_NUMBERS;
  return arch.startsWith("parisc") ? PARISC_NUMBERS : ERRNO_NUMBERS;
}

/**
 * The number that a profile's `errno` or `defaultErrno` gives: a decimal number up to 2^32-1, or a name.
 *
 * @param arch Native architecture, as the engine names it.
 * @throws {SeccompError} `ERR_SECCOMP_UNKNOWN_ERRNO` with containers-common's text `unknown errno NAME`.
 */
export function errnoNumber(errno: string, arch: string): number {
  if (/^[0-9]{1,32}$/.test(errno) && Number(errno) <= 0xffff_ffff) return Number(errno);
  const number = errnoNumbers(arch).get(errno);
  if (number === undefined) {
    throw new SeccompError("ERR_SECCOMP_UNKNOWN_ERRNO", `unknown errno ${errno}`);
  }
  return number;
}
