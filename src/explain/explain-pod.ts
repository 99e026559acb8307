/**
 * What a node decides about a Pod, and why.
 *
 * @module
 */
import type { NodeConfig } from "../config/node.ts";
import type { NodeAnswers } from "./answers.ts";
import { type ExplainOptions, explainSubject } from "./explain-subject.ts";
import { type NodeAnswersOptions, nodeAnswers } from "./node-answers.ts";
import { type PodSubject, readPod } from "./pod.ts";
import type { PodExplanation } from "./trace.ts";

/** Options of {@link explainPod}. */
export interface ExplainPodOptions extends ExplainOptions, NodeAnswersOptions {}

/**
 * What a node decides about a Pod: plain data, the same for the same Pod, node, registries and time.
 *
 * Each image is decided on as for a pull now; what the node has of it already is not known. Nothing is changed
 * anywhere, and no layer is fetched. What cannot be asked or read makes its step `undecided`, with the code of the
 * error; it does not reject.
 *
 * Rejects with the reason of an abort.
 *
 * @param pod A Pod object as JSON from anywhere.
 * @throws {ExplainError} `ERR_EXPLAIN_POD` and `ERR_EXPLAIN_TOO_LARGE` for what is no Pod.
 * @throws {RangeError} For a `concurrency` below 1.
 */
export async function explainPod(
  pod: unknown,
  node: NodeConfig,
  options: ExplainPodOptions,
): Promise<PodExplanation> {
  return await withAnswers(pod, node, options, (subject, answers) =>
    explainSubject(subject, answers, options),
  );
}

/** Reads a Pod, and lets a node answer for as long as something is done with both. */
export async function withAnswers<T>(
  pod: unknown,
  node: NodeConfig,
  options: ExplainPodOptions,
  work: (subject: PodSubject, answers: NodeAnswers) => Promise<T>,
): Promise<T> {
  options.signal?.throwIfAborted();
  const subject = readPod(pod);
  const answers = nodeAnswers(node, options);
  try {
    return await work(subject, answers);
  } finally {
    await answers.close();
  }
}
