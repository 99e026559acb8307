/**
 * The request of an AdmissionReview, checked as far as decisions go by it.
 *
 * @module
 */
import { AdmissionError, isMalformed, malformed } from "./errors.ts";
import type { AdmissionOperation, AdmissionRequest } from "./types.ts";

const MAX_UID_LENGTH = 256;

/** A request, or why there is none: either way with the `uid` that the answer needs. */
export type ReadRequest =
  | { readonly kind: "request"; readonly uid: string; readonly request: AdmissionRequest }
  | { readonly kind: "malformed"; readonly uid: string; readonly problem: string };

/**
 * The request of an AdmissionReview.
 *
 * @throws {AdmissionError} `ERR_ADMISSION_VERSION`, `ERR_ADMISSION_REQUEST` for what cannot be answered at all.
 */
export function readRequest(review: unknown): ReadRequest {
  if (!isRecord(review) || review["kind"] !== "AdmissionReview") {
    throw new AdmissionError("ERR_ADMISSION_VERSION", "not an AdmissionReview");
  }
  if (review["apiVersion"] !== "admission.k8s.io/v1") {
    throw new AdmissionError("ERR_ADMISSION_VERSION", "only admission.k8s.io/v1 is answered");
  }
  const { request } = review;
  const uid = isRecord(request) ? request["uid"] : undefined;
  if (!isRecord(request) || typeof uid !== "string" || uid === "" || uid.length > MAX_UID_LENGTH) {
    throw new AdmissionError("ERR_ADMISSION_REQUEST", "the AdmissionReview has no request with a uid");
  }
  try {
    return { kind: "request", uid, request: checkedRequest(uid, request) };
  } catch (error) {
    if (!isMalformed(error)) throw error;
    return { kind: "malformed", uid, problem: error.message };
  }
}

const OPERATIONS: readonly AdmissionOperation[] = ["CREATE", "UPDATE", "DELETE", "CONNECT"];

function checkedRequest(uid: string, request: Readonly<Record<string, unknown>>): AdmissionRequest {
  const operation = OPERATIONS.find((each) => each === request["operation"]);
  if (!operation) throw malformed("request.operation is none that exists");
  const { kind, dryRun } = request;
  if (!isRecord(kind)) throw malformed("request.kind is no object");
  if (dryRun !== undefined && dryRun !== null && typeof dryRun !== "boolean") {
    throw malformed("request.dryRun is no boolean");
  }
  const { object, oldObject } = request;
  return {
    uid,
    operation,
    kind: {
      group: textOf(kind, "group", "request.kind."),
      version: textOf(kind, "version", "request.kind."),
      kind: textOf(kind, "kind", "request.kind."),
    },
    subResource: textOf(request, "subResource", "request."),
    namespace: textOf(request, "namespace", "request."),
    name: textOf(request, "name", "request."),
    dryRun: dryRun === true,
    ...(object === undefined || object === null ? {} : { object }),
    ...(oldObject === undefined || oldObject === null ? {} : { oldObject }),
  };
}

/** A text member; absent and null are empty, as they are in Go. */
export function textOf(record: Readonly<Record<string, unknown>>, name: string, prefix: string): string {
  const value = Object.hasOwn(record, name) ? record[name] : undefined;
  if (value === undefined || value === null) return "";
  if (typeof value !== "string") throw malformed(`${prefix}${name} is no string`);
  return value;
}

/** Whether a value is a JSON object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
