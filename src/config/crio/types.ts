/**
 * What a configuration of CRI-O is, once all its files are read.
 *
 * @module
 */
import type { Origin } from "../origin.ts";
import type {
  API_KEYS,
  HANDLER_KEYS,
  IMAGE_KEYS,
  METRICS_KEYS,
  NETWORK_KEYS,
  RESOURCE_KEYS,
  ROOT_KEYS,
  RUNTIME_KEYS,
  SettingType,
  SettingTypes,
  STATS_KEYS,
  TRACING_KEYS,
  WORKLOAD_KEYS,
} from "./schema.ts";

/** A value, and what set it. */
export interface Setting<T> {
  readonly value: T;
  /** What set it last: CRI-O itself, a file, an argument of the command or a variable of the environment. */
  readonly from: "default" | "file" | "flag" | "environment";
  /** Where the value stands, for one of a file. */
  readonly origin?: Origin;
  /** The argument without its dashes, or the variable. */
  readonly name?: string;
}

/** The value of a type of settings; a duration is a number of nanoseconds. */
export type SettingValue<T extends SettingType> = T extends "text"
  ? string
  : T extends "flag"
    ? boolean
    : T extends "integer" | "duration"
      ? bigint
      : T extends "texts"
        ? readonly string[]
        : ReadonlyMap<string, string>;

/** A table with every key that it can have; what nobody set has its default. */
export type Settings<Keys extends SettingTypes> = {
  readonly [Key in keyof Keys]: Setting<SettingValue<Keys[Key]>>;
};

/** A handler that pods ask for by the name of their runtime class. */
export interface CrioHandler {
  readonly name: string;
  /** Where the table is that defines it; absent for the one built in. */
  readonly origin?: Origin;
  readonly settings: Settings<typeof HANDLER_KEYS>;
}

/** A workload: settings for pods that have its annotation. */
export interface CrioWorkloadTable {
  readonly name: string;
  /** Where the table is that defines it. */
  readonly origin?: Origin;
  readonly settings: Settings<typeof WORKLOAD_KEYS>;
  /** Resources, those that are set only. */
  readonly resources: Partial<Settings<typeof RESOURCE_KEYS>>;
}

/** What CRI-O passes over without an error. */
export type CrioWarning =
  /** A key or table that means nothing where it stands. */
  | {
      readonly code: "unknown-key";
      readonly key: string;
      readonly origin: Origin;
      /** What its author may have meant, as a sentence. */
      readonly hint?: string;
    }
  /** Two spellings of one key in one table: CRI-O takes one of the values, not always the same. */
  | { readonly code: "ambiguous-key"; readonly key: string; readonly origin: Origin }
  /** A table that replaces one of the same name as a whole, so that settings of the former one are lost. */
  | {
      readonly code: "replaced-table";
      readonly key: string;
      readonly origin: Origin;
      /** Where the table was that is replaced; absent for the one built in. */
      readonly replaced?: Origin;
      /** Keys that the replaced table set and this one does not, in order. */
      readonly lost: readonly string[];
    }
  /** A key that CRI-O reads and does not use. */
  | { readonly code: "no-effect"; readonly key: string; readonly origin?: Origin; readonly reason: string }
  /** A value that CRI-O replaces by another one. */
  | {
      readonly code: "replaced-value";
      readonly key: string;
      readonly origin?: Origin;
      readonly reason: string;
    }
  /** A handler that CRI-O drops at its start: pods that ask for it fail. */
  | {
      readonly code: "dropped-handler";
      readonly key: string;
      readonly origin?: Origin;
      readonly reason: string;
    };

/** The configuration in effect. */
export interface CrioConfig {
  /** The version of CRI-O whose rules were followed. */
  readonly version: string;
  /** Files that were read, in the order in which they apply. */
  readonly files: readonly string[];
  /** `[crio]` itself. */
  readonly root: Settings<typeof ROOT_KEYS>;
  readonly api: Settings<typeof API_KEYS>;
  readonly runtime: Settings<typeof RUNTIME_KEYS>;
  readonly image: Settings<typeof IMAGE_KEYS>;
  readonly network: Settings<typeof NETWORK_KEYS>;
  /** An empty `metrics_collectors` that is a default means all of them. */
  readonly metrics: Settings<typeof METRICS_KEYS>;
  readonly tracing: Settings<typeof TRACING_KEYS>;
  readonly stats: Settings<typeof STATS_KEYS>;
  /** Handlers by name, without those that CRI-O drops. */
  readonly runtimes: ReadonlyMap<string, CrioHandler>;
  readonly workloads: ReadonlyMap<string, CrioWorkloadTable>;
  /** In the order in which they were found. */
  readonly warnings: readonly CrioWarning[];
}
