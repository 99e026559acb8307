/**
 * What containerd reads past in its configuration, or reads otherwise than it looks.
 *
 * @module
 */
import type { Origin } from "../origin.ts";

interface Placed {
  /** Dotted key, as it is named where it counts: after the migration to the newest version. */
  key: string;
  origin?: Origin;
}

/** Something that the daemon takes without refusing it, and that an author hardly meant. */
export type ContainerdConfigWarning =
  /** A key that means nothing where it stands: containerd logs it and goes on. */
  | ({ code: "unknown-key"; hint?: string } & Placed)
  /** A table or value that this release, or this version of the file, does not look at. */
  | ({ code: "not-read"; reason: string } & Placed)
  /** An empty text, a 0 or a `false` of an imported file that does not undo what an earlier file says. */
  | ({ code: "zero-ignored"; earlier?: Origin } & Placed)
  /** A plugin's table that an imported file replaces as a whole: what only the earlier one says is lost. */
  | ({ code: "table-replaced"; lost: readonly string[]; earlier?: Origin } & Placed)
  /** A pattern of `imports` that covers no file. */
  | ({ code: "no-import"; pattern: string } & Placed)
  /** The CRI is switched off: a kubelet cannot use this containerd. */
  | ({ code: "cri-disabled"; plugin: string } & Placed);
