/**
 * Policies of other systems as containers-policy.json and registries.d.
 *
 * @module
 */
export type { RegistriesDDocument } from "./attachments-text.ts";
export type { AcceptableLoss, ImportLoss, ImportLossCode } from "./loss.ts";
export {
  type ImportOpenShiftOptions,
  importOpenShiftPolicies,
  type OpenShiftImport,
  openShiftBasePolicy,
} from "./openshift.ts";
export {
  type ExternalKey,
  type ImportPolicyControllerOptions,
  importPolicyController,
  type PolicyControllerImport,
} from "./policy-controller.ts";
export type { ImportedTrustRoot } from "./policy-controller-authority.ts";
