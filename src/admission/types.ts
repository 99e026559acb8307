/**
 * AdmissionReview v1 as it goes over the wire.
 *
 * @see {@link https://kubernetes.io/docs/reference/config-api/apiserver-admission.v1/}
 * @module
 */

/** What kind of object it is. */
export interface GroupVersionKind {
  group: string;
  version: string;
  kind: string;
}

/** What is asked for. */
export type AdmissionOperation = "CREATE" | "UPDATE" | "DELETE" | "CONNECT";

/** The parts of an `AdmissionRequest` that decisions go by, checked. */
export interface AdmissionRequest {
  readonly uid: string;
  /** Of the object: after conversion, where the webhook's `matchPolicy` is `Equivalent`. */
  readonly kind: Readonly<GroupVersionKind>;
  readonly operation: AdmissionOperation;
  /** Such as `ephemeralcontainers`; empty for the object itself. */
  readonly subResource: string;
  /** Where the object is or will be, by the API server's word; empty for one without namespace. */
  readonly namespace: string;
  /** Empty at the creation of an object with a generated name. */
  readonly name: string;
  /** Whether nothing will be stored. */
  readonly dryRun: boolean;
  /** The new object; absent for what has none. Not checked. */
  readonly object?: unknown;
  /** The object as it was; absent where there was none. Not checked. */
  readonly oldObject?: unknown;
}

/** One cause of a refusal, as `metav1.StatusCause`. */
export interface AdmissionCause {
  /** A word for programs. */
  reason: string;
  message: string;
  /** The field with the image, such as `spec.containers[0].image`. */
  field: string;
}

/** Why a request is refused, as `metav1.Status`. */
export interface AdmissionStatus {
  /** HTTP status that the API server answers with. */
  code: number;
  /** A word for programs, such as `Forbidden`. */
  reason: string;
  /** For people: at most 256 characters. */
  message: string;
  details?: { causes: AdmissionCause[] };
}

/** The answer to one request. */
export interface AdmissionResponse {
  /** That of the request. */
  uid: string;
  allowed: boolean;
  /** Only with a refusal. */
  status?: AdmissionStatus;
  /** A JSON patch (RFC 6902), in base64. */
  patch?: string;
  /** Only with `patch`. */
  patchType?: "JSONPatch";
  /** Written to the audit log; the API server puts the webhook's name in front of each key. */
  auditAnnotations?: Record<string, string>;
  /** Shown to whoever asked: at most 256 characters each, and 4096 together. */
  warnings?: string[];
}

/** The answer of a webhook: what goes into the body, as JSON, with status 200. */
export interface AdmissionReviewResponse {
  apiVersion: "admission.k8s.io/v1";
  kind: "AdmissionReview";
  response: AdmissionResponse;
}
