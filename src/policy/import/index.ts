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
