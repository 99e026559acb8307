/**
 * Errors of explaining a node's decisions.
 *
 * @module
 */
import { LadingError, type LadingErrorOptions } from "../core/errors.ts";

/** Codes of {@link ExplainError}. */
export type ExplainErrorCode =
  /** A Pod, or a list of Pods, has another form than Kubernetes gives it. */
  | "ERR_EXPLAIN_POD"
  /** There are more containers, volumes, images or Pods than the limit. */
  | "ERR_EXPLAIN_TOO_LARGE"
  /** Whether the node has the image already is not known, and the kubelet does not pull it. */
  | "ERR_EXPLAIN_LOCAL_IMAGE"
  /** A link leads to a file that is not there, and the node may have it. */
  | "ERR_EXPLAIN_DANGLING_LINK"
  /** Programs of the node decide about its images, and nobody asks them here. */
  | "ERR_EXPLAIN_IMAGE_VERIFIERS"
  /** Layers are encrypted, and whether what the node has opens them is not known. */
  | "ERR_EXPLAIN_ENCRYPTED"
  /** A Pod names a runtime class, and those of the cluster were not given. */
  | "ERR_EXPLAIN_RUNTIME_CLASS"
  /** What a runtime handler can do is not in the node's files, and was not given. */
  | "ERR_EXPLAIN_UNKNOWN_FEATURE"
  /** The node decides at random, and what follows depends on it. */
  | "ERR_EXPLAIN_AMBIGUOUS"
  /** A recording is no recording, of another version, or is not what was recorded. */
  | "ERR_EXPLAIN_RECORDING"
  /** A replay asked for something that was not recorded. */
  | "ERR_EXPLAIN_NOT_RECORDED"
  /** What would be recorded is, or may be, a secret. */
  | "ERR_EXPLAIN_SECRET";

/** What an {@link ExplainError} may carry. */
export interface ExplainErrorOptions extends LadingErrorOptions {
  /** Where in the Pod or the recording it is, such as `spec.containers[0].image`. */
  path?: string | undefined;
}

/** An error of `lading/explain`. None of them says that anything is allowed. */
export class ExplainError extends LadingError {
  readonly code: ExplainErrorCode;
  /** Where in the Pod or the recording it is, such as `spec.containers[0].image`. */
  readonly path?: string;

  constructor(code: ExplainErrorCode, message: string, options: ExplainErrorOptions = {}) {
    super(message, options);
    this.code = code;
    if (options.path !== undefined) this.path = options.path;
  }
}
