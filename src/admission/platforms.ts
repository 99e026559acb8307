/**
 * On which platforms of a cluster a Pod may run.
 *
 * @module
 */
import type { Platform } from "../core/platform.ts";
import { isRecord } from "./request.ts";

const OS = ["kubernetes.io/os", "beta.kubernetes.io/os"];
const ARCHITECTURE = ["kubernetes.io/arch", "beta.kubernetes.io/arch"];

/**
 * Those of the platforms that the Pod's `nodeSelector` leaves.
 *
 * A node whose labels do not fit it does not start the Pod, whoever put it there. Affinities are not looked at: they
 * leave more, and never fewer, than this.
 */
export function platformsFor(
  podSpec: Readonly<Record<string, unknown>>,
  platforms: readonly Platform[],
): readonly Platform[] {
  const selector = Object.hasOwn(podSpec, "nodeSelector") ? podSpec["nodeSelector"] : undefined;
  if (!isRecord(selector)) return platforms;
  const fits = (labels: readonly string[], value: string): boolean =>
    labels.every((label) => !Object.hasOwn(selector, label) || selector[label] === value);
  return platforms.filter(({ os, architecture }) => fits(OS, os) && fits(ARCHITECTURE, architecture));
}
