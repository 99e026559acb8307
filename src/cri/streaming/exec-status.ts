/**
 * How a streaming server tells the outcome of a command.
 *
 * Version 4 and 5 send a `Status` object of Kubernetes as JSON. Before, there was a text on failure, and nothing on
 * success.
 *
 * @see {@link https://github.com/kubernetes/client-go/blob/v0.36.0/tools/remotecommand/v4.go}
 * @module
 */
import { CoreError } from "../../core/errors.ts";
import { items, type JsonNode, members, parseJson, stringOf } from "../../core/strict-json.ts";
import { CriError } from "../errors.ts";

/** What became of a command. */
export type ExecStatus =
  /** It ran and ended. */
  | {
      kind: "exited";
      exitCode: number;
      /** Set if the server said nothing at all, and may say the same of a command that could not be run. */
      silent?: true;
    }
  /** It could not be run, or the runtime lost sight of it. */
  | { kind: "failed"; message: string };

const MAX_STATUS_BYTES = 1024 * 1024;

/**
 * The outcome that a `Status` object tells.
 *
 * @throws {CriError} `ERR_CRI_STREAM_PROTOCOL` for a text that is no such object, a status that is neither success
 * nor failure, and a failure by exit code whose code is absent or not 1 to 255.
 */
export function parseExecStatus(json: string | Uint8Array): ExecStatus {
  try {
    return statusOf(parseJson(json, { maxBytes: MAX_STATUS_BYTES }));
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    throw protocolError(`the status of a command cannot be read: ${cause.message}`, cause);
  }
}

function statusOf(node: JsonNode): ExecStatus {
  const status = textOf(node, "status");
  if (status === "Success") return { kind: "exited", exitCode: 0 };
  if (status !== "Failure")
    throw protocolError(`unknown error: status ${JSON.stringify(status.slice(0, 100))}`);
  if (textOf(node, "reason") !== "NonZeroExitCode") {
    return { kind: "failed", message: textOf(node, "message") };
  }
  const details = memberOf(node, "details");
  const causes = details && memberOf(details, "causes");
  const cause = causes && items(causes).find((each) => textOf(each, "reason") === "ExitCode");
  if (!cause) throw protocolError("the status of a command has an exit code: no ExitCode cause given");
  return { kind: "exited", exitCode: exitCodeOf(textOf(cause, "message")) };
}

function exitCodeOf(text: string): number {
  const code = /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(code >= 1 && code <= 255)) {
    throw protocolError(
      `the status of a command has an invalid exit code value ${JSON.stringify(text.slice(0, 20))}`,
    );
  }
  return code;
}

/** A member that is there and not null. */
function memberOf(node: JsonNode, name: string): JsonNode | undefined {
  const value = members(node).find(({ key }) => key === name)?.value;
  return value?.kind === "null" ? undefined : value;
}

function textOf(node: JsonNode, name: string): string {
  const value = memberOf(node, name);
  return value ? stringOf(value) : "";
}

/**
 * The outcome that a text of version 1 tells; an empty one is success.
 *
 * An exit code stands only at the end of such a text, behind the words that servers put in front of a command that
 * ended with one.
 */
export function parseExecStatusText(text: string): ExecStatus {
  if (text === "") return { kind: "exited", exitCode: 0 };
  const code = /^command terminated with non-zero exit code: .*exit code ([0-9]{1,3})$/s.exec(
    text.trimEnd(),
  )?.[1];
  const exitCode = Number(code);
  if (exitCode >= 1 && exitCode <= 255) return { kind: "exited", exitCode };
  return { kind: "failed", message: text };
}

function protocolError(message: string, cause?: unknown): CriError {
  return new CriError("ERR_CRI_STREAM_PROTOCOL", message, cause === undefined ? {} : { cause });
}
