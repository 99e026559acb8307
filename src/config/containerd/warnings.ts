/**
 * What containerd reads past in its configuration, or reads otherwise than it looks.
 *
 * @module
 */
import type { Origin } from "../origin.ts";

/** What a warning is about. */
export interface ContainerdWarningPlace {
  /** Dotted key, as it is named where it counts: after the migration to the newest version. */
  key: string;
  /** Absent where no file says it. */
  origin?: Origin;
}

/** Something that the daemon takes without refusing it, and that an author hardly meant. */
export type ContainerdConfigWarning =
  /** A key that means nothing where it stands: containerd logs it and goes on. */
  | ({ code: "unknown-key"; hint?: string } & ContainerdWarningPlace)
  /** A table or value that this release, or this version of the file, does not look at. */
  | ({ code: "not-read"; reason: string } & ContainerdWarningPlace)
  /** An empty text, a 0 or a `false` of an imported file that does not undo what an earlier file says. */
  | ({ code: "zero-ignored"; earlier?: Origin } & ContainerdWarningPlace)
  /** A plugin's table that an imported file replaces as a whole: what only the earlier one says is lost. */
  | ({ code: "table-replaced"; lost: readonly string[]; earlier?: Origin } & ContainerdWarningPlace)
  /** A pattern of `imports` that covers no file. */
  | ({ code: "no-import"; pattern: string } & ContainerdWarningPlace)
  /** The CRI is switched off: a kubelet cannot use this containerd. */
  | ({ code: "cri-disabled"; plugin: string } & ContainerdWarningPlace);
