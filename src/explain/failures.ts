/**
 * What an error means for a node: that the step fails there too, or that nobody can say.
 *
 * @module
 */
import { CoreError, isLadingError, type LadingError } from "../core/errors.ts";
import { OciError } from "../oci/errors.ts";
import { PolicyError } from "../policy/errors.ts";
import type { Fails, FailureReason, Outcome, Problem, Runs, Undecided } from "./trace.ts";

/** The step succeeds. */
export const RUNS: Runs = { kind: "runs" };

/** The step fails. */
export function fails(reason: FailureReason, message: string): Fails {
  return { kind: "fails", reason, message };
}

/**
 * Nobody can say how the step ends, by an error. What is no error of lading is passed on: it is a mistake, and says
 * nothing about a node.
 */
export function undecided(error: unknown): Undecided {
  if (!isLadingError(error)) throw error;
  const { code } = innermost(error);
  return { kind: "undecided", code, message: error.message };
}

/** What an error at a pull means: it is certain on a node only where the content itself, or its absence, says so. */
export function pullFailure(error: unknown): Outcome {
  if (!isLadingError(error)) throw error;
  return isCertain(error) ? fails("ErrImagePull", error.message) : undecided(error);
}

function isCertain(error: LadingError): boolean {
  if (error instanceof PolicyError) {
    if (error.code === "ERR_POLICY_INSTANCE" || error.code === "ERR_POLICY_REFERENCE") return true;
    return error.code === "ERR_POLICY_MANIFEST" && isLadingError(error.cause) && isCertain(error.cause);
  }
  if (error.cause instanceof AggregateError) {
    // One of several places may have it, though another one says that it has not.
    return error.cause.errors.every((each) => isLadingError(each) && isCertain(each));
  }
  if (error instanceof CoreError) {
    return error.code === "ERR_DIGEST_MISMATCH" || error.code === "ERR_SIZE_MISMATCH";
  }
  if (!(error instanceof OciError)) return false;
  if (error.code === "ERR_OCI_NOT_FOUND") return error.statusCode === undefined || error.statusCode === 404;
  return error.code === "ERR_OCI_BLOCKED" || error.code === "ERR_OCI_PLATFORM_NOT_FOUND";
}

function innermost(error: LadingError): LadingError {
  let found = error;
  // A chain as long as this is none that lading makes.
  for (let depth = 0; depth < 16 && isLadingError(found.cause); depth++) found = found.cause;
  return found;
}

/** How bad an outcome is. */
const RANK: Readonly<Record<Outcome["kind"], number>> = { fails: 0, undecided: 1, runs: 2 };

/** The worse of several outcomes, of equal ones the first. */
export function worst(outcomes: Iterable<Outcome>): Outcome {
  let found: Outcome = RUNS;
  for (const outcome of outcomes) if (RANK[outcome.kind] < RANK[found.kind]) found = outcome;
  return found;
}

/** The steps that do not succeed, failures first, in the order given. */
export function problemsOf(steps: Iterable<readonly [path: string, outcome: Outcome]>): Problem[] {
  const problems: Problem[] = [];
  for (const [path, outcome] of steps) if (outcome.kind !== "runs") problems.push({ ...outcome, path });
  return problems.sort((a, b) => RANK[a.kind] - RANK[b.kind]);
}
