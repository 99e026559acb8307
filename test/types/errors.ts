/** Compile only: a switch on `code` knows every code of a module, and no other. */
import { CriError } from "../../src/cri/index.ts";
import { CoreError, type CoreErrorCode, isLadingError, LadingError } from "../../src/index.ts";
import { OciError, type OciErrorCode } from "../../src/oci/index.ts";
import { PolicyError, type PolicyErrorCode } from "../../src/policy/index.ts";
import { SeccompError, type SeccompErrorCode } from "../../src/seccomp/index.ts";

type Equals<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

export const codes: [
  Equals<CoreError["code"], CoreErrorCode>,
  Equals<OciError["code"], OciErrorCode>,
  Equals<PolicyError["code"], PolicyErrorCode>,
  Equals<SeccompError["code"], SeccompErrorCode>,
] = [true, true, true, true];

export function seccomp(error: SeccompError): string {
  switch (error.code) {
    case "ERR_SECCOMP_SYNTAX":
    case "ERR_SECCOMP_TYPE":
      return String(error.position?.line);
    // @ts-expect-error a code of another module
    case "ERR_POLICY_SYNTAX":
      return "policy";
    // @ts-expect-error a misspelt code
    case "ERR_SECCOMP_SYNTEX":
      return "typo";
    default: {
      const rest: Exclude<SeccompErrorCode, "ERR_SECCOMP_SYNTAX" | "ERR_SECCOMP_TYPE"> = error.code;
      return rest;
    }
  }
}

export function any(error: unknown): string {
  // @ts-expect-error nothing is known of what was caught
  error.code;
  if (error instanceof OciError) return `${error.statusCode ?? 0} ${error.errors.map(({ code }) => code)}`;
  if (error instanceof CriError) return error.status?.name ?? error.details;
  if (error instanceof PolicyError) return error.errorClass;
  if (error instanceof CoreError || error instanceof SeccompError) return `${error.position?.path}`;
  if (!isLadingError(error)) throw error;
  const code: string = error.code;
  // @ts-expect-error only errors of a module have fields of their own
  error.statusCode;
  return code;
}

// @ts-expect-error the base is never thrown itself
export const base: LadingError = new LadingError("x");
// @ts-expect-error an error of a module takes codes of that module only
export const foreign: OciError = new OciError("ERR_CRI_UNKNOWN", "x");
