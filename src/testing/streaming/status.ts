/**
 * How a session tells its client the outcome.
 *
 * @see {@link https://github.com/kubernetes/cri-streaming/blob/v0.36.0/pkg/streaming/remotecommand/status.go}
 * @module
 */
import { messageOf } from "../../core/message-of.ts";
import type { ExecOutcome } from "./types.ts";

/** What the texts of an outcome name. */
export interface StatusSubject {
  kind: "exec" | "attach";
  /** The command of exec. */
  command: readonly string[];
}

/** The version 4 status: a JSON object, also for success. */
export function statusJson(outcome: ExecOutcome, subject: StatusSubject): string {
  const message = statusText(outcome, subject);
  if (message === "") return goJson({ metadata: {}, status: "Success" });
  if ("error" in outcome) {
    const causes = [{ message: failureText(outcome.error, subject) }];
    return goJson({
      metadata: {},
      status: "Failure",
      message,
      reason: "InternalError",
      details: { causes },
      code: 500,
    });
  }
  return goJson({
    metadata: {},
    status: "Failure",
    message,
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: String(outcome.exitCode) }] },
  });
}

/** JSON with what HTML and JavaScript could misread escaped, as Go writes it. */
function goJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The status of versions 1 to 3: a text for a failure, nothing for success. */
export function statusText(outcome: ExecOutcome, subject: StatusSubject): string {
  if ("error" in outcome) return `Internal error occurred: ${failureText(outcome.error, subject)}`;
  if (outcome.exitCode === 0) return "";
  const command = `[${subject.command.join(" ")}]`;
  return `command terminated with non-zero exit code: error executing command ${command}, exit code ${outcome.exitCode}`;
}

/** The status of conmon-rs: JSON for an exit code other than 0, nothing for everything else. */
export function conmonStatus(outcome: ExecOutcome): string {
  if ("error" in outcome || outcome.exitCode === 0) return "";
  return JSON.stringify({
    status: "Failure",
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: String(outcome.exitCode) }] },
    message: "command terminated with non-zero exit code",
  });
}

function failureText(error: string, { kind }: StatusSubject): string {
  return kind === "exec"
    ? `error executing command in container: ${error}`
    : `error attaching to container: ${error}`;
}

/** The outcome of a run that may reject. */
export async function outcomeOf(run: () => Promise<ExecOutcome>): Promise<ExecOutcome> {
  try {
    return await run();
  } catch (error) {
    return { error: messageOf(error) };
  }
}
