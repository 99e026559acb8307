/**
 * Kernel versions as Docker's profiles compare them: the first two numbers of a release.
 *
 * ```text
 * minKernel = kernel "." major         ; each 0 to 255, not both 0; the empty text counts as 0.0
 * release   = kernel "." major *CHAR   ; as uname(2) gives it: 6.1.0-13-amd64
 * ```
 *
 * @module
 */
import { SeccompError } from "./errors.ts";
import type { KernelVersion } from "./types.ts";

/**
 * The version that a profile's `minKernel` names.
 *
 * @throws {SeccompError} `ERR_SECCOMP_KERNEL_VERSION`; the message begins with Docker's `invalid kernel version`.
 */
export function parseMinKernel(text: string): KernelVersion {
  if (text === "") return { kernel: 0, major: 0 };
  const match = /^([0-9]{1,32})\.([0-9]{1,32})$/.exec(text);
  const kernel = Number(match?.[1]);
  const major = Number(match?.[2]);
  if (!match || kernel > 255 || major > 255 || (kernel === 0 && major === 0)) {
    throw new SeccompError(
      "ERR_SECCOMP_KERNEL_VERSION",
      `invalid kernel version: ${JSON.stringify(text.slice(0, 64))}, expected "<kernel>.<major>"`,
    );
  }
  return { kernel, major };
}

/**
 * The version of a kernel release; what follows the second number is ignored.
 *
 * @throws {SeccompError} `ERR_SECCOMP_KERNEL_VERSION`.
 */
export function parseKernelRelease(release: string): KernelVersion {
  const match = /^([0-9]{1,9})\.([0-9]{1,9})/.exec(release);
  if (!match) {
    throw new SeccompError(
      "ERR_SECCOMP_KERNEL_VERSION",
      `failed to parse kernel version ${JSON.stringify(release.slice(0, 64))}`,
    );
  }
  return { kernel: Number(match[1]), major: Number(match[2]) };
}

/** Whether one version is at least another. */
export function atLeastKernel(version: KernelVersion, least: KernelVersion): boolean {
  return version.kernel > least.kernel || (version.kernel === least.kernel && version.major >= least.major);
}
