/**
 * The check of images inside actions of Pepr, for a module that already runs in a cluster:
 *
 *   import { Capability, a } from "pepr";
 *   import { imageActions } from "./images.ts";
 *
 *   export const Images = new Capability({ name: "images", description: "Only signed images" });
 *   const { validate, pin } = imageActions(check);
 *   Images.When(a.Pod).IsCreatedOrUpdated().Mutate(pin).Validate(validate);
 *   Images.When(a.Deployment).IsCreatedOrUpdated().Mutate(pin).Validate(validate);
 *
 * Of Pepr's requests only what is named here is used, so that nothing of Pepr has to be there to try it. What Pepr does
 * with an error of an action depends on the module's `onError`: it must be `reject`. Ephemeral containers are decided on
 * only if the module's rules send them.
 */
import { type PodCheck, reviewAdmission } from "lading/admission";

/** What is used of Pepr's requests of either kind. */
interface PeprRequest {
  /** The AdmissionRequest, as the API server sent it. */
  readonly Request: object;
}

/** What is used of `PeprMutateRequest`. */
export interface PeprMutateRequest extends PeprRequest {
  /** The object, to be changed in place. */
  Raw: object;
}

/** What is used of `PeprValidateRequest`. */
export interface PeprValidateRequest<Answer> extends PeprRequest {
  Approve(): Answer;
  Deny(statusMessage?: string, statusCode?: number): Answer;
}

interface Replacement {
  path: string;
  value: string;
}

export interface ImageActions {
  /** For `Validate`: denies what the check does not allow. */
  validate<Answer>(request: PeprValidateRequest<Answer>): Promise<Answer>;
  /** For `Mutate`: puts digests in the place of tags, and throws for what the check does not allow. */
  pin(request: PeprMutateRequest): Promise<void>;
}

/** @param timeoutMs Less than the webhook's own time, which Pepr does not tell its actions: 10 seconds by default. */
export function imageActions(
  check: PodCheck,
  { timeoutMs = 8000 }: { timeoutMs?: number } = {},
): ImageActions {
  const reviewOf = async ({ Request: request }: PeprRequest, mutate: boolean) => {
    const review = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request };
    const { response } = await reviewAdmission(review, { check, mutate, timeoutMs });
    return response;
  };
  return {
    async validate(request) {
      const { allowed, status } = await reviewOf(request, false);
      return allowed ? request.Approve() : request.Deny(status?.message, status?.code);
    },
    async pin(request) {
      const { allowed, status, patch } = await reviewOf(request, true);
      if (!allowed) throw new Error(status?.message);
      if (patch === undefined) return;
      for (const { path, value } of JSON.parse(
        Buffer.from(patch, "base64").toString("utf8"),
      ) as Replacement[]) {
        replace(request.Raw, path, value);
      }
    },
  };
}

/** Replaces what is at a place of the object; the places are those of images, of which no part is escaped. */
function replace(object: object, path: string, value: string): void {
  const parts = path.split("/").slice(1);
  const last = parts.pop();
  let at = object as Record<string, unknown>;
  for (const part of parts) at = at[part] as Record<string, unknown>;
  if (last === undefined || typeof at[last] !== "string") throw new Error(`there is no ${path} any more`);
  at[last] = value;
}
