/**
 * Explanations with everything that they rest on in one file, to be made again elsewhere and later.
 *
 * @module
 */
import type { NodeConfig } from "../config/node.ts";
import { digestOf } from "../core/digest.ts";
import { parseNativeJson } from "../core/native-json.ts";
import type { Platform } from "../core/platform.ts";
import { raceSignal, type SignalOptions } from "../core/signal.ts";
import type { StoredSignature } from "../policy/signature-blob.ts";
import type { NodeAnswers } from "./answers.ts";
import { ExplainError } from "./errors.ts";
import { type ExplainPodOptions, withAnswers } from "./explain-pod.ts";
import { explainSubject } from "./explain-subject.ts";
import { readHandlerFeatures } from "./features.ts";
import type { PodSubject } from "./pod.ts";
import { broken, decode, encode, type Recorded } from "./recording-codec.ts";
import { recordingTape, replayingTape, type TapeEntry } from "./tape.ts";
import { tapedAnswers } from "./taped-answers.ts";
import { NO_REGISTRY, tapedRegistry } from "./taped-registry.ts";
import type { PodExplanation } from "./trace.ts";

/** Name and version of the form that a recording has. */
export const RECORDING_SCHEMA = "lading.recording/v1";

/** Largest recording that is read, in bytes. */
const MAX_BYTES = 256 * 1024 * 1024;

/** An explanation with its recording. */
export interface RecordedExplanation {
  readonly explanation: PodExplanation;
  /** JSON: the file. */
  readonly recording: string;
}

/** What is in a recording besides the tape. */
interface Setting {
  readonly pod: PodSubject;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly platform?: Platform | undefined;
  readonly kernel?: string | undefined;
  readonly calls: readonly string[];
  readonly nodeObject?: unknown;
  readonly runtime: NodeAnswers["runtime"];
  readonly version: string;
  readonly separatePulls: boolean;
  readonly doubts: readonly string[];
  readonly featureGates: NodeAnswers["featureGates"];
  readonly signatureSources: readonly { name: string; formats: readonly StoredSignature["format"][] }[];
}

/**
 * Explains a Pod, and records every answer that the explanation rests on: of registries with their contents and hashes,
 * of the node, with policies, keys, profiles and signatures, and the clock.
 *
 * Credentials are not recorded, nor any file that may hold some: not what registries were sent, not headers of mirrors,
 * not what helpers said, no environment variables of the Pod, and values of those annotations alone that name profiles.
 * What a registry puts into its own error messages is recorded as it is.
 *
 * Rejects as `explainPod`; with an `ExplainError` `ERR_EXPLAIN_SECRET` where a private key, or a URL with credentials,
 * would be recorded.
 */
export async function recordExplanation(
  pod: unknown,
  node: NodeConfig,
  options: ExplainPodOptions,
): Promise<RecordedExplanation> {
  return await withAnswers(pod, node, options, (subject, answers) =>
    recordSubject(subject, answers, options),
  );
}

/** As {@link recordExplanation}, of a Pod that was checked and of whatever answers for the node. */
export async function recordSubject(
  subject: PodSubject,
  answers: NodeAnswers,
  options: ExplainPodOptions,
): Promise<RecordedExplanation> {
  const tape = recordingTape();
  const { platform, kernel, calls = [], nodeObject, signal, concurrency, now = Date.now } = options;
  const at = now();
  const setting: Setting = {
    pod: withoutSecrets(subject),
    now: at,
    platform,
    kernel,
    calls,
    nodeObject: nodeObject === undefined ? undefined : handlersOnly(nodeObject),
    runtime: answers.runtime,
    version: answers.version,
    separatePulls: answers.separatePulls,
    doubts: answers.doubts,
    featureGates: answers.featureGates,
    signatureSources: answers.signatureSources.map(({ name, formats }) => ({ name, formats })),
  };
  const explanation = await explainSubject(setting.pod, tapedAnswers(tape, answers), {
    registry: tapedRegistry(tape, options.registry),
    ...settingOptions(setting),
    signal,
    concurrency,
  });
  tape.assertWhole();
  const content = {
    schema: RECORDING_SCHEMA,
    setting: encode(setting),
    tape: tape.entries().map(entryValue),
    explanation: digestOf(JSON.stringify(explanation)),
  };
  const digest = digestOf(JSON.stringify(content));
  return { explanation, recording: `${JSON.stringify({ ...content, digest }, null, 1)}\n` };
}

function entryValue({ ask, answer, error }: TapeEntry): Recorded {
  return {
    ask,
    ...(answer === undefined ? {} : { answer }),
    ...(error === undefined ? {} : { error }),
  };
}

function settingOptions({ now, platform, kernel, calls, nodeObject }: Setting) {
  return { now: () => now, platform, kernel, calls, nodeObject };
}

/** Of annotations, only those that name profiles and handlers have values; of the others it counts that they are there. */
function withoutSecrets(pod: PodSubject): PodSubject {
  const counts =
    /^(?:seccomp-profile\.(?:crio\.io|kubernetes\.cri-o\.io)(?:\/|$)|io\.kubernetes\.cri\.untrusted-workload$)/;
  const annotations = [...pod.annotations].map(
    ([key, value]) => [key, counts.test(key) ? value : ""] as const,
  );
  return { ...pod, annotations: new Map(annotations) };
}

/** What of a Node object decides. */
function handlersOnly(node: unknown): unknown {
  const runtimeHandlers = [...readHandlerFeatures(node)].map(([name, features]) => ({ name, features }));
  return { status: { runtimeHandlers } };
}

/** An explanation that was made again. */
export interface ReplayedExplanation {
  readonly explanation: PodExplanation;
  /** Whether it is the recorded one, byte for byte: an other version of lading may explain more. */
  readonly isSame: boolean;
  /** The clock of the recording, in milliseconds since 1970. */
  readonly recordedAt: number;
}

/**
 * Explains again from a recording alone: nothing is asked, read or sent.
 *
 * A recording is compared with its own hashes, which shows damage and careless edits. They are no signature: who can
 * write the file can write them too.
 *
 * Rejects with an `ExplainError`: `ERR_EXPLAIN_RECORDING` for what is no recording, or not as it was recorded;
 * `ERR_EXPLAIN_NOT_RECORDED` where this version asks what that one did not; `ERR_EXPLAIN_TOO_LARGE` for more than
 * 256 MiB (268435456 bytes).
 */
export async function replayExplanation(
  recording: string | Uint8Array,
  { signal }: SignalOptions = {},
): Promise<ReplayedExplanation> {
  signal?.throwIfAborted();
  const { setting, entries, digest } = readRecording(recording);
  try {
    const tape = replayingTape(entries);
    const explained = explainSubject(setting.pod, tapedAnswers(tape, silentAnswers(setting)), {
      registry: tapedRegistry(tape, NO_REGISTRY),
      ...settingOptions(setting),
      signal,
    });
    const explanation = await raceSignal(explained, signal);
    tape.assertWhole();
    const isSame = digestOf(JSON.stringify(explanation)) === digest;
    return { explanation, isSame, recordedAt: setting.now };
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof ExplainError) throw cause;
    throw broken("the recording is not what an explanation rests on", cause);
  }
}

function readRecording(recording: string | Uint8Array): {
  setting: Setting;
  entries: readonly TapeEntry[];
  digest: string;
} {
  const size = typeof recording === "string" ? recording.length : recording.byteLength;
  if (size > MAX_BYTES) {
    throw new ExplainError("ERR_EXPLAIN_TOO_LARGE", `a recording of more than ${MAX_BYTES} bytes`);
  }
  try {
    const text =
      typeof recording === "string" ? recording : new TextDecoder("utf-8", { fatal: true }).decode(recording);
    const { digest, ...content } = parseNativeJson(text) as Readonly<Record<string, Recorded>>;
    if (content["schema"] !== RECORDING_SCHEMA) throw broken(`no recording of the form ${RECORDING_SCHEMA}`);
    if (digestOf(JSON.stringify(content)) !== digest)
      throw broken("the recording was changed after it was made");
    const { tape, setting, explanation } = content;
    if (!Array.isArray(tape) || setting === undefined) throw broken("the recording has no tape");
    const entries = tape as unknown as readonly TapeEntry[];
    return { setting: decode(setting) as Setting, entries, digest: String(explanation) };
  } catch (cause) {
    if (cause instanceof ExplainError) throw cause;
    throw broken("the recording is no JSON of its form", cause);
  }
}

/** A node that nobody can ask. */
function silentAnswers({
  runtime,
  version,
  separatePulls,
  doubts,
  featureGates,
  signatureSources,
}: Setting): NodeAnswers {
  const refuse = async (): Promise<never> => {
    throw new ExplainError("ERR_EXPLAIN_NOT_RECORDED", "a replay asks no node");
  };
  return {
    runtime,
    version,
    separatePulls,
    doubts,
    featureGates,
    handler: refuse,
    names: refuse,
    sources: refuse,
    credentials: refuse,
    certificates: async () => new Uint8Array(0),
    policy: refuse,
    signatureSources: signatureSources.map(({ name, formats }) => ({ name, formats, list: refuse })),
    decryption: refuse,
    seccomp: refuse,
    file: refuse,
    close: async () => {},
  };
}
