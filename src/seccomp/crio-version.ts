/**
 * What CRI-O's versions do differently about seccomp profiles.
 *
 * @see {@link https://github.com/cri-o/cri-o/releases}
 * @module
 */
import { SeccompError } from "./errors.ts";

/** The version that is assumed where none is given. */
export const DEFAULT_CRIO_VERSION = "1.37";

/** How one version of CRI-O behaves. */
export interface CrioBehaviour {
  /** Whether annotations have their v2 names too. Since 1.35. */
  v2: boolean;
  /** Whether a runtime handler can have a `seccomp_profile`. Since 1.34. */
  handlerProfile: boolean;
  /** Which code pulls artifacts: 1.30 to 1.32, 1.33 and 1.34, 1.35 and 1.36, or 1.37. */
  artifacts: "1.30" | "1.33" | "1.35" | "1.37";
  /** Whether an artifact may be an ordinary container image. In 1.35.0, 1.35.1 and since 1.37. */
  acceptsImages: boolean;
}

/**
 * How a version behaves; a version without patch number stands for its latest patch.
 *
 * @throws {SeccompError} `ERR_SECCOMP_UNSUPPORTED` for a version before 1.30 or a text that is no version.
 */
export function parseCrioVersion(version: string = DEFAULT_CRIO_VERSION): CrioBehaviour {
  const match = /^v?([0-9]{1,4})\.([0-9]{1,4})(?:\.([0-9]{1,4}))?(?:[-+].*)?$/s.exec(version);
  const minor = Number(match?.[2]);
  if (match?.[1] !== "1" || minor < 30) {
    throw new SeccompError(
      "ERR_SECCOMP_UNSUPPORTED",
      `CRI-O ${JSON.stringify(version.slice(0, 64))}: 1.30 and later is known`,
    );
  }
  const patch = match[3] === undefined ? Number.POSITIVE_INFINITY : Number(match[3]);
  return {
    v2: minor >= 35,
    handlerProfile: minor >= 34,
    artifacts: minor >= 37 ? "1.37" : minor >= 35 ? "1.35" : minor >= 33 ? "1.33" : "1.30",
    acceptsImages: minor >= 37 || (minor === 35 && patch < 2),
  };
}
