/**
 * How the credentials of a pull on a node are found: every place by name, and none of their secrets.
 *
 * @module
 */

import type { EmptyEntryReason } from "../../oci/credentials/auth-entry.ts";
import type { CredentialsStep } from "../../oci/credentials/lookup.ts";
import type { Credentials } from "../../oci/credentials.ts";
import type { Origin } from "../origin.ts";

/** What names a file of CRI-O's: its options, or root's own search. */
export type CrioAuthOption = "namespaced_auth_dir" | "global_auth_file" | "search";

/** A file or helper of CRI-O, which are looked at where the kubelet has nothing. */
export type CrioCredentialsStep = { readonly by: "cri-o"; readonly of: CrioAuthOption } & (
  | {
      readonly kind: "file";
      readonly path: string;
      /** `none`: nothing is about the repository. `empty`: the entry that decides has no credentials. */
      readonly outcome: "missing" | "none" | "empty" | "found";
      /** Key of the entry that decided. */
      readonly key?: string;
      readonly reason?: EmptyEntryReason;
      /** Whether there is a user name. */
      readonly user?: boolean;
    }
  | {
      readonly kind: "helper";
      readonly helper: string;
      /** What it is asked for. */
      readonly server: string;
      /** The file that names it; absent for one of `credential-helpers`. */
      readonly path?: string;
      readonly outcome: "none" | "found" | "not-run";
      readonly user?: boolean;
    }
  | {
      /** A file or helper that failed, where others were looked at all the same. */
      readonly kind: "failure";
      /** Path of the file, or name of the helper. */
      readonly what: string;
      readonly outcome: "failed";
      /** Code of the error. */
      readonly code: string;
      readonly message: string;
    }
);

/** One thing that is looked at. */
export type NodeCredentialsStep =
  /** An entry of a pull secret of the Pod that covers the image. */
  | { readonly by: "pull-secret"; readonly key: string; readonly outcome: "found"; readonly user: boolean }
  /** A file of the kubelet's own; the first that can be read counts alone. */
  | {
      readonly by: "kubelet-file";
      readonly path: string;
      /** `broken`: passed over by the kubelet. `none`: no entry covers the image. */
      readonly outcome: "missing" | "broken" | "none";
    }
  | {
      readonly by: "kubelet-file";
      readonly path: string;
      readonly outcome: "found";
      /** Key of the entry. */
      readonly key: string;
      /** Whether there is a user name. */
      readonly user: boolean;
    }
  /**
   * A program that the kubelet asks for this image, which is not run here: `not-run`, without name where the
   * configuration of the programs cannot be read. `none`: there are programs, and none is for this image.
   */
  | {
      readonly by: "kubelet-provider";
      /** Name of the provider. */
      readonly name?: string;
      /** The pattern of images that covers this one. */
      readonly pattern?: string;
      /** Path of the configuration, and of the programs' folder. */
      readonly path: string;
      readonly folder: string;
      readonly outcome: "not-run" | "none";
      /** Where the provider stands, or, without one, the setting of the kubelet. */
      readonly origin?: Origin;
    }
  | CrioCredentialsStep
  /** An entry of containerd's `registry.configs`, which is looked at where the kubelet has nothing. */
  | {
      readonly by: "containerd";
      /** Host as the table is named. */
      readonly key: string;
      readonly outcome: "none" | "not-read" | "found";
      readonly user?: boolean;
      readonly origin?: Origin;
    };

/** Whether credentials have a user name that is not empty. */
export function hasUser(credentials: Credentials): boolean {
  return "username" in credentials && credentials.username !== undefined && credentials.username !== "";
}

/** A step of the general look-up as one of CRI-O's: plain data. */
export function crioStep(of: CrioAuthOption, step: CredentialsStep, ran: boolean): CrioCredentialsStep {
  const named = { by: "cri-o", of } as const;
  if (step.kind === "explicit") throw new TypeError("a node has no explicit credentials");
  if (step.outcome === "failed") {
    const { code, message } = step.error;
    const what = step.kind === "file" ? step.path : step.helper;
    return { ...named, kind: "failure", what, outcome: "failed", code, message };
  }
  if (step.kind === "file") return { ...named, ...step };
  return { ...named, ...step, outcome: ran ? step.outcome : "not-run" };
}
