/** Checks that decide by the text of an image. */
import type { ImageDecision, PodCheck, PodCheckSubject } from "../../../src/admission/index.ts";

export const DIGEST: string = `sha256:${"1".repeat(64)}`;

/** Allows images with `app` in their text, refuses those with `bad`, and has no opinion on `down`. */
export function decideByText(image: string): ImageDecision {
  if (image.includes("bad")) return { kind: "refused", image, reason: "Source image rejected: no" };
  if (image.includes("down")) {
    return { kind: "undecided", image, code: "ERR_POLICY_MANIFEST", reason: "HTTP 503" };
  }
  const [name = ""] = image.replace(/:[^:/]*$/, "").split("@");
  const digest = image.split("@")[1] ?? DIGEST;
  return { kind: "allowed", image, pinned: `${name}@${digest}` };
}

/** A check by {@link decideByText}, with what it was asked. */
export function textCheck(): { check: PodCheck; asked: PodCheckSubject[] } {
  const asked: PodCheckSubject[] = [];
  return {
    asked,
    check: async (subject) => {
      asked.push(subject);
      return subject.images.map(({ image }) => decideByText(image));
    },
  };
}
