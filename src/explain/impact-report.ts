/**
 * What changes for Pods when a policy takes the place of another, put together.
 *
 * @module
 */
import type { PolicyRequirement } from "../policy/types.ts";
import type { UnreadPod } from "./pod-list.ts";
import type { Outcome } from "./trace.ts";

/** Name and version of the form that a report has. */
export const IMPACT_SCHEMA = "lading.impact/v1";

/**
 * What changes for an image. `other-reason`: it fails before and after, for another reason.
 */
export type ImpactKind = "fails-now" | "undecided" | "runs-now" | "other-reason";

/** What one policy has for the images of a group. */
export interface ImpactSide {
  /** `default`, or the transport and the scope. */
  readonly scope: string;
  /** The first requirement that the other policy does not have at its place; absent where there is none. */
  readonly requirement?: PolicyRequirement;
}

/** An image of which the decision changes. */
export interface ImpactImage {
  readonly image: string;
  readonly before: Outcome;
  readonly after: Outcome;
  /** `namespace/name` of each Pod that names it, sorted. */
  readonly pods: readonly string[];
}

/** Images for which the same changes for the same reason. */
export interface ImpactGroup {
  readonly kind: ImpactKind;
  readonly before: ImpactSide;
  readonly after: ImpactSide;
  /** How many Pods name one of the images. */
  readonly pods: number;
  /** Sorted by name. */
  readonly images: readonly ImpactImage[];
}

/** What changes. */
export interface ImpactReport {
  readonly schema: typeof IMPACT_SCHEMA;
  /** How many Pods were looked at. */
  readonly pods: number;
  /** How many images they name, each once. */
  readonly images: number;
  /** How many of these have other requirements, and were decided on by both policies. */
  readonly evaluated: number;
  /** What fails now first, then what is undecided; of one kind what most Pods name. */
  readonly changes: readonly ImpactGroup[];
  /** Entries that are no Pods: nothing is said about them. */
  readonly unread: readonly UnreadPod[];
}

/** An image that was decided on by both policies. */
export interface ComparedImage extends ImpactImage {
  readonly sides: readonly [before: ImpactSide, after: ImpactSide];
}

const ORDER: readonly ImpactKind[] = ["fails-now", "undecided", "runs-now", "other-reason"];

/** What a change of outcomes is; undefined for none. */
export function impactKind(before: Outcome, after: Outcome): ImpactKind | undefined {
  if (before.kind === "undecided" || after.kind === "undecided") return "undecided";
  if (before.kind !== after.kind) return after.kind === "fails" ? "fails-now" : "runs-now";
  if (before.kind === "runs" || after.kind === "runs") return undefined;
  return before.message === after.message && before.reason === after.reason ? undefined : "other-reason";
}

/** Changes by kind and first differing requirement. */
export function groupChanges(compared: readonly ComparedImage[]): ImpactGroup[] {
  const groups = new Map<
    string,
    { kind: ImpactKind; sides: ComparedImage["sides"]; images: ImpactImage[] }
  >();
  for (const { sides, ...image } of compared) {
    const kind = impactKind(image.before, image.after);
    if (!kind) continue;
    const key = JSON.stringify([kind, sides]);
    const group = groups.get(key) ?? { kind, sides, images: [] };
    group.images.push(image);
    groups.set(key, group);
  }
  const changes = [...groups].map(
    ([
      key,
      {
        kind,
        sides: [before, after],
        images,
      },
    ]) => {
      const pods = new Set(images.flatMap((image) => image.pods)).size;
      images.sort((a, b) => (a.image < b.image ? -1 : 1));
      return { key, group: { kind, before, after, pods, images } };
    },
  );
  changes.sort(
    (a, b) =>
      ORDER.indexOf(a.group.kind) - ORDER.indexOf(b.group.kind) ||
      b.group.pods - a.group.pods ||
      (a.key < b.key ? -1 : 1),
  );
  return changes.map(({ group }) => group);
}
