/**
 * Whether nodes look for the signatures that a policy demands: what cosign attached is looked for only where registries.d
 * says so, and an image is otherwise refused as unsigned.
 *
 * @module
 */
import { quote } from "../quote.ts";
import { scopeCovers } from "../scope-cover.ts";
import type { Policy, PolicyRequirement } from "../types.ts";
import { DEFAULT_PLACE, type ListPlace, type Report, scopePlace } from "./findings.ts";

/** What of a section of registries.d counts here. */
export interface AttachmentSection {
  /** Absent where the section does not say. */
  readonly useSigstoreAttachments?: boolean | undefined;
}

/** What of registries.d counts here; {@link RegistriesD} is such. */
export interface AttachmentSettings {
  readonly defaultDocker: AttachmentSection | undefined;
  /** By scope, as written. */
  readonly docker: ReadonlyMap<string, AttachmentSection>;
}

/** Reports every scope with signatures that nodes would not look for. */
export function lintAttachments(policy: Policy, settings: AttachmentSettings, report: Report): void {
  const scopes = policy.transports.get("docker") ?? new Map<string, readonly PolicyRequirement[]>();
  for (const [scope, requirements] of scopes) {
    lintList(scopePlace("docker", scope), scope, requirements, scopes, settings, report);
  }
  if (!scopes.has("")) lintList(DEFAULT_PLACE, "", policy.default, scopes, settings, report);
}

function lintList(
  place: ListPlace,
  scope: string,
  requirements: readonly PolicyRequirement[],
  scopes: ReadonlyMap<string, unknown>,
  settings: AttachmentSettings,
  report: Report,
): void {
  if (!requirements.some(({ type }) => type === "sigstoreSigned")) return;
  if (requirements.some(({ type }) => type === "reject")) return;
  if (!isEnabled(scope, settings)) {
    const where = scope === "" ? "default-docker" : `docker."${scope}"`;
    const message = `nodes do not look for what cosign attached: set use-sigstore-attachments in ${where} of registries.d, or every image is refused as unsigned`;
    report(place, "attachments-disabled", "error", message);
    return;
  }
  for (const [narrower, section] of settings.docker) {
    if (section.useSigstoreAttachments !== false || narrower === scope) continue;
    if (!scopeCovers(scope, narrower)) continue;
    // Unless the policy says something else of those images.
    if (
      [...scopes.keys()].some(
        (other) => other !== scope && scopeCovers(scope, other) && scopeCovers(other, narrower),
      )
    ) {
      continue;
    }
    const message = `nodes do not look for what cosign attached below ${quote(narrower)}, where registries.d turns it off: images there are refused as unsigned`;
    report(place, "attachments-disabled", "error", message);
  }
}

/** Whether the nearest section that says anything lets nodes look. */
function isEnabled(scope: string, { docker, defaultDocker }: AttachmentSettings): boolean {
  let nearest: string | undefined;
  for (const [outer, { useSigstoreAttachments }] of docker) {
    if (useSigstoreAttachments === undefined || outer === "" || !scopeCovers(outer, scope)) continue;
    if (nearest === undefined || scopeCovers(nearest, outer)) nearest = outer;
  }
  const section = nearest === undefined ? defaultDocker : docker.get(nearest);
  return section?.useSigstoreAttachments === true;
}
