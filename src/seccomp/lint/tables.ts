/**
 * Checking what drop-in files of CRI-O's configuration do to profiles.
 *
 * @module
 */

/** Where in a file a table stands. */
export interface CrioTablePlace {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  readonly column: number;
}

/** What {@link lintCrioTables} looks at of a configuration; every `CrioConfig` of `lading/config` has it. */
export interface CrioTables {
  readonly warnings: readonly {
    readonly code: string;
    readonly key: string;
    readonly origin?: CrioTablePlace;
    /** Where the table was that is replaced; absent for the one built in. */
    readonly replaced?: CrioTablePlace;
    /** Keys that the replaced table set and this one does not. */
    readonly lost?: readonly string[];
  }[];
}

/** Something about a table that a later file defines anew. */
export interface CrioTableFinding {
  readonly code: CrioTableLintCode;
  /** `error`: a file's setting no longer counts. `warning`: one that is built in. */
  readonly severity: "error" | "warning";
  readonly table: "runtimes" | "workloads";
  /** Name of the handler or workload. */
  readonly name: string;
  /** Where the later table stands. */
  readonly place?: CrioTablePlace;
  /** For people; may change between versions. */
  readonly message: string;
}

/** What can be found in tables. */
export type CrioTableLintCode =
  /** `allowed_annotations` is lost: annotations that name profiles, and others, are removed from pods and images. */
  | "allowed-annotations-lost"
  /** `default_annotations` is lost, which may have named the profile of every pod. */
  | "default-annotations-lost"
  /** The handler's `seccomp_profile` is lost: the node's counts. */
  | "seccomp-profile-lost";

const CODES: Readonly<Record<string, [code: CrioTableLintCode, effect: string]>> = {
  allowed_annotations: ["allowed-annotations-lost", "annotations that it allowed are removed from pods"],
  default_annotations: ["default-annotations-lost", "pods no longer have them"],
  seccomp_profile: ["seccomp-profile-lost", "the profile of the node counts"],
};

const PREFIXES = { runtimes: "crio.runtime.runtimes.", workloads: "crio.runtime.workloads." } as const;

/**
 * Tables of handlers and workloads that a later file defines anew without what decides on profiles, in the order in
 * which the files apply. CRI-O replaces such a table as a whole, so that a drop-in which sets one key resets the others.
 *
 * A list that the later table has too, with fewer entries, is not found: it may well be meant.
 */
export function lintCrioTables({ warnings }: CrioTables): CrioTableFinding[] {
  return warnings.flatMap(({ code, key, lost = [], origin, replaced }) => {
    if (code !== "replaced-table") return [];
    const table = key.startsWith(PREFIXES.runtimes) ? "runtimes" : "workloads";
    if (!key.startsWith(PREFIXES[table])) return [];
    const name = key.slice(PREFIXES[table].length);
    return lost.flatMap((setting): CrioTableFinding[] => {
      const known = Object.hasOwn(CODES, setting) ? CODES[setting] : undefined;
      if (!known) return [];
      const [found, effect] = known;
      const former = replaced ? `${replaced.file}:${replaced.line}` : "the built-in table";
      const message = `${name} is defined anew without the ${setting} of ${former}: ${effect}`;
      const severity = replaced ? "error" : "warning";
      return [{ code: found, severity, table, name, ...(origin ? { place: origin } : {}), message }];
    });
  });
}
