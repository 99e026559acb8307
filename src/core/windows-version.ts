/**
 * Which Windows images a Windows host runs: process isolation needs related builds.
 *
 * @see {@link https://learn.microsoft.com/en-us/virtualization/windowscontainers/deploy-containers/version-compatibility}
 * @module
 */

/** Builds of long-term releases from which on a host also runs images of the release before; ascending. */
const STABLE_RELEASES: readonly number[] = [20348, 26100];
const FIRST_STABLE = 20348;

interface WindowsVersion {
  major: number;
  minor: number;
  build: number;
}

const UNREADABLE: WindowsVersion = { major: 0, minor: 0, build: 0 };

/**
 * Whether a host of one `os.version` runs an image of another.
 *
 * Nothing known of either side counts as compatible; so does a host version that cannot be read.
 */
export function runsWindowsVersion(host: string, image: string): boolean {
  const own = parseVersion(host);
  if (own === UNREADABLE || image === "") return true;
  const { major, minor, build } = parseVersion(image);
  if (own.major !== major || own.minor !== minor) return false;
  if (own.build < FIRST_STABLE) return own.build === build;
  const oldest = STABLE_RELEASES.findLast((release) => release < own.build) ?? FIRST_STABLE;
  return oldest <= build && build <= own.build;
}

function parseVersion(text: string): WindowsVersion {
  const match = /^([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,5})(?:\..*)?$/s.exec(text);
  if (!match) return UNREADABLE;
  const [major = 0, minor = 0, build = 0] = match.slice(1).map(Number);
  const inRange = major <= 0xff && minor <= 0xff && build <= 0xffff;
  return inRange && (major > 0 || minor > 0 || build > 0) ? { major, minor, build } : UNREADABLE;
}
