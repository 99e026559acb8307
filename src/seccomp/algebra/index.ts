/**
 * Profiles as sets of decisions: compared and combined, exactly.
 *
 * @module
 */

export {
  type CombinedProfile,
  type CombineProfilesOptions,
  intersectProfiles,
  unionProfiles,
} from "./combine.ts";
export {
  type CompareProfilesOptions,
  type DifferentRegion,
  diffProfiles,
  isSubset,
  type ProfileDiff,
  type SubsetVerdict,
  type SyscallDifference,
  type SyscallExample,
} from "./compare.ts";
export type { DecidedAction, ProfileLayers } from "./decisions.ts";
export { evaluateStack, type StackedDecision } from "./stack.ts";
