/**
 * Requirements that no image meets, or that do not mean what they seem to.
 *
 * @module
 */
import { formatPolicy } from "../format.ts";
import { remapReference } from "../identity.ts";
import { quote } from "../quote.ts";
import { tryParseImageReference } from "../reference.ts";
import { scopeCovers } from "../scope-cover.ts";
import type { Policy, PolicyRequirement, RemapIdentity, SignedIdentity, SigstoreSigned } from "../types.ts";
import { type ListPlace, type Report, within } from "./findings.ts";

/** Transports whose images have no name of a registry. */
const NAMELESS: readonly string[] = ["dir", "oci", "oci-archive", "sif", "tarball"];
/** Transports that keep no signatures. */
const UNSIGNED: readonly string[] = [
  "docker-archive",
  "docker-daemon",
  "oci",
  "oci-archive",
  "sif",
  "tarball",
];

/** Reports what is to be said of a list of requirements, keys and certificates aside. */
export function lintRequirements(
  policy: Policy,
  place: ListPlace,
  requirements: readonly PolicyRequirement[],
  report: Report,
): void {
  lintList(place, requirements, report);
  for (const [index, requirement] of requirements.entries()) {
    const at = within(place, index);
    switch (requirement.type) {
      case "signedBaseLayer":
        report(at, "never-met", "error", "signedBaseLayer was never implemented: every image is refused");
        break;
      case "signedBy":
        if (requirement.keyType !== "GPGKeys") {
          const message = `the keyType ${quote(requirement.keyType)} was never implemented: every image is refused`;
          report(within(at, "keyType"), "never-met", "error", message);
        }
        lintSigned(policy, at, requirement.signedIdentity, report);
        break;
      case "sigstoreSigned":
        lintSigned(policy, at, requirement.signedIdentity, report);
        lintSigstore(at, requirement, report);
        break;
    }
  }
}

function lintList(place: ListPlace, requirements: readonly PolicyRequirement[], report: Report): void {
  const texts = new Map<string, number>();
  const onlyAccepts = requirements.every(({ type }) => type === "insecureAcceptAnything");
  for (const [index, requirement] of requirements.entries()) {
    const at = within(place, index);
    const text = formatPolicy({ default: [requirement], transports: new Map() });
    const earlier = texts.get(text);
    if (earlier !== undefined) {
      report(at, "duplicate-requirement", "warning", `the same as the requirement ${earlier} of the list`);
    } else texts.set(text, index);
    if (requirement.type === "insecureAcceptAnything" && !onlyAccepts) {
      const message = "has no effect: every requirement of a list must be met, and others here demand more";
      report(at, "accepts-anything-beside-others", "warning", message);
    }
    if (requirement.type === "reject" && requirements.length > 1) {
      const message = "refuses every image: the other requirements of the list do not matter";
      report(at, "rejects-beside-others", "warning", message);
    }
  }
}

function lintSigned(policy: Policy, at: ListPlace, identity: SignedIdentity, report: Report): void {
  const { transport } = at;
  if (transport !== undefined && UNSIGNED.includes(transport)) {
    const message = `images of the transport ${quote(transport)} carry no signatures: every image is refused`;
    report(at, "transport-without-signatures", "warning", message);
    return;
  }
  const place = within(at, "signedIdentity");
  const needsName = identity.type !== "exactReference" && identity.type !== "exactRepository";
  if (transport !== undefined && NAMELESS.includes(transport) && needsName) {
    const message = `images of the transport ${quote(transport)} have no name to compare: only exactReference and exactRepository can be met`;
    report(place, "identity-needs-name", "error", message);
    return;
  }
  if (identity.type === "remapIdentity") lintRemap(policy, place, identity, report);
  if (
    identity.type === "exactReference" &&
    tryParseImageReference(identity.dockerReference)?.tag !== undefined
  ) {
    const message = `signatures must claim ${quote(identity.dockerReference)} whatever the image is called: one that is pulled by digest is accepted only while its signature claims that tag`;
    report(place, "exact-reference-tag", "info", message);
  }
}

function lintSigstore(at: ListPlace, { trust, signedIdentity }: SigstoreSigned, report: Report): void {
  const { type } = signedIdentity;
  const isNameless = at.transport !== undefined && NAMELESS.includes(at.transport);
  if (type !== "matchRepository" && type !== "exactRepository" && !isNameless) {
    const message = `${type} demands that signatures claim a tag or digest: those of a plain "cosign sign" claim the repository alone, which matchRepository accepts`;
    report(within(at, "signedIdentity"), "identity-needs-tag", "warning", message);
  }
  if (trust.kind === "keys") return;
  const member = trust.kind === "fulcio" ? "fulcio" : "pki";
  const { subjectEmail } = trust;
  if (subjectEmail === undefined || /^[^\s@/]+@[^\s@/]+$/.test(subjectEmail)) return;
  const message = `${quote(subjectEmail)} is no e-mail address: workflow identities are URIs, which no requirement can name`;
  report(within(at, member, "subjectEmail"), "subject-no-email", "warning", message);
}

function lintRemap(policy: Policy, place: ListPlace, identity: RemapIdentity, report: Report): void {
  const { prefix, signedPrefix } = identity;
  if (!meetsImages(policy, place, prefix)) {
    const message = `no image that the requirement is for begins with ${quote(prefix)}: it has no effect`;
    report(within(place, "prefix"), "remap-prefix-unused", "warning", message);
    return;
  }
  const images = [`${prefix}/x:1`, `${prefix}:1`].flatMap((text) => tryParseImageReference(text) ?? []);
  if (images.some((image) => remapReference({ prefix, signedPrefix }, image))) return;
  const message = `names with ${quote(signedPrefix)} in place of ${quote(prefix)} are not in full: no such image is accepted`;
  report(within(place, "signedPrefix"), "remap-signed-prefix", "error", message);
}

/** Whether images with a prefix can come under the requirements of a place. */
function meetsImages(policy: Policy, { transport, scope }: ListPlace, prefix: string): boolean {
  const [host = ""] = prefix.split("/");
  if (!/[.:]/.test(host) && host !== "localhost") return false;
  const named = ["docker", "atomic", "docker-daemon", undefined];
  if (!named.includes(transport)) return true;
  const scopes = [...(policy.transports.get(transport ?? "docker")?.keys() ?? [])];
  if (scope !== undefined && scopeCovers(prefix, scope)) return true;
  if (scope !== undefined && !scopeCovers(scope, prefix)) return false;
  // Unless a narrower scope has all of them.
  return !scopes.some((other) => {
    const isNarrower = scope === undefined || (other !== scope && scopeCovers(scope, other));
    return isNarrower && scopeCovers(other, prefix);
  });
}
