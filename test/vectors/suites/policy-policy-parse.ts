/** Whether parsePolicy accepts a text, and the kind of error with its text. */
import { PolicyError, type PolicyErrorCode } from "../../../src/policy/errors.ts";
import { parsePolicy } from "../../../src/policy/parse.ts";
import type { VectorSuite } from "../suite.ts";

const KINDS: Readonly<Partial<Record<PolicyErrorCode, string>>> = {
  ERR_POLICY_SYNTAX: "syntax",
  ERR_POLICY_DUPLICATE_KEY: "duplicate-key",
  ERR_POLICY_UNKNOWN_KEY: "unknown-key",
  ERR_POLICY_MISSING_KEY: "missing-key",
  ERR_POLICY_NOT_OBJECT: "not-object",
  ERR_POLICY_NOT_ARRAY: "not-array",
  ERR_POLICY_WRONG_TYPE: "wrong-type",
  ERR_POLICY_INVALID_BASE64: "invalid-base64",
  ERR_POLICY_UNKNOWN_REQUIREMENT_TYPE: "unknown-requirement-type",
  ERR_POLICY_UNKNOWN_IDENTITY_TYPE: "unknown-identity-type",
  ERR_POLICY_MISSING_DEFAULT: "missing-default",
  ERR_POLICY_EMPTY_REQUIREMENTS: "empty-requirements",
  ERR_POLICY_KEY_TYPE: "invalid-key-type",
  ERR_POLICY_KEY_SOURCE_MISSING: "key-source-missing",
  ERR_POLICY_KEY_SOURCE_CONFLICT: "key-source-conflict",
  ERR_POLICY_EMPTY_KEY_LIST: "empty-key-list",
  ERR_POLICY_REKOR_CONFLICT: "rekor-conflict",
  ERR_POLICY_REKOR_REQUIRED: "rekor-required",
  ERR_POLICY_REKOR_FORBIDDEN: "rekor-forbidden",
  ERR_POLICY_CA_MISSING: "ca-missing",
  ERR_POLICY_CA_CONFLICT: "ca-conflict",
  ERR_POLICY_SUBJECT_MISSING: "field-missing",
  ERR_POLICY_INVALID_REFERENCE: "invalid-reference",
  ERR_POLICY_INVALID_PREFIX: "invalid-prefix",
};

const suite: VectorSuite = {
  run({ input }) {
    try {
      parsePolicy(String(input["policy"]));
      return { ok: true };
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      return { ok: false, errorKind: KINDS[error.code], message: error.message };
    }
  },
};

export default suite;
