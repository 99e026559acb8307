/**
 * A node's answers on a tape.
 *
 * What is on it are answers, not the files that they are from: files with credentials never come near it.
 *
 * @module
 */
import { formatReference, type Reference } from "../core/reference.ts";
import type { PullAttempt, PullSources } from "../oci/mirrors/pull-sources.ts";
import { formatPolicy } from "../policy/format.ts";
import { parsePolicy } from "../policy/parse.ts";
import {
  listingOf,
  type SignatureListing,
  type SignatureSource,
} from "../policy/sources/signature-source.ts";
import type { Policy } from "../policy/types.ts";
import type {
  CredentialsAnswer,
  DecryptionAnswer,
  HandlerAnswer,
  NameAnswer,
  NodeAnswers,
  PolicyAnswer,
  SeccompAnswer,
} from "./answers.ts";
import { ExplainError } from "./errors.ts";
import type { Tape } from "./tape.ts";

/** Longer than any policy that is read, when it is written out in full. */
const MAX_POLICY_BYTES = 64 * 1024 * 1024;

/** Answers that go through a tape. */
export function tapedAnswers(tape: Tape, answers: NodeAnswers): NodeAnswers {
  return {
    runtime: answers.runtime,
    version: answers.version,
    separatePulls: answers.separatePulls,
    doubts: answers.doubts,
    featureGates: answers.featureGates,
    async handler(pod, options) {
      return (await tape.ask(["handler"], () => answers.handler(pod, options))) as HandlerAnswer;
    },
    async names(image, options) {
      return (await tape.ask(["names", image], () => answers.names(image, options))) as NameAnswer;
    },
    async sources(reference, options) {
      let own: PullSources | undefined;
      const taped = await tape.ask(["sources", formatReference(reference)], async () => {
        own = await answers.sources(reference, options);
        return withoutHeaders(own);
      });
      // Headers can hold credentials: they are sent, and not kept.
      return own ?? (taped as PullSources);
    },
    async credentials(place, pod, options) {
      const { image, candidate, repository } = place;
      const question = ["credentials", image, candidate, repository];
      return (await tape.ask(question, () => answers.credentials(place, pod, options))) as CredentialsAnswer;
    },
    certificates: answers.certificates,
    policy: (namespace, options) => policyOn(tape, namespace, () => answers.policy(namespace, options)),
    signatureSources: answers.signatureSources.map((source) => tapedSource(tape, source)),
    async decryption(options) {
      return (await tape.ask(["decryption"], () => answers.decryption(options))) as DecryptionAnswer;
    },
    async seccomp(handler, options) {
      const asked = tape.ask(["seccomp", handler], () => answers.seccomp(handler, options));
      return (await asked) as SeccompAnswer;
    },
    async file(path, options) {
      return (await tape.ask(["file", path], () => answers.file(path, options))) as Uint8Array | undefined;
    },
    close: () => answers.close(),
  };
}

function withoutHeaders(sources: PullSources): PullSources {
  if (sources.kind === "blocked") return sources;
  const [first, ...rest] = sources.attempts;
  return { ...sources, attempts: [bare(first), ...rest.map(bare)] };
}

function bare(attempt: PullAttempt): PullAttempt {
  // What is no URL at all fails where it is asked.
  const { username, password, search } = new URL(URL.canParse(attempt.url) ? attempt.url : "none:/");
  if (username !== "" || password !== "" || search !== "") {
    throw new ExplainError("ERR_EXPLAIN_SECRET", "the URL of a mirror has credentials or a query in it");
  }
  return { ...attempt, headers: {} };
}

/** A policy as its text, which is what it is read from again. */
type TapedPolicy =
  | Exclude<PolicyAnswer, { kind: "policy" }>
  | (Omit<Extract<PolicyAnswer, { kind: "policy" }>, "policy"> & { readonly text: string });

async function policyOn(
  tape: Tape,
  namespace: string,
  find: () => Promise<PolicyAnswer>,
): Promise<PolicyAnswer> {
  const taped = (await tape.ask(["policy", namespace], async (): Promise<TapedPolicy> => {
    const answer = await find();
    if (answer.kind !== "policy") return answer;
    const { policy, ...rest } = answer;
    return { ...rest, text: formatPolicy(policy) };
  })) as TapedPolicy;
  if (taped.kind !== "policy") return taped;
  const { text, ...rest } = taped;
  return { ...rest, policy: parsedPolicy(text) };
}

function parsedPolicy(text: string): Policy {
  return parsePolicy(text, { maxBytes: MAX_POLICY_BYTES });
}

function tapedSource(tape: Tape, source: SignatureSource): SignatureSource {
  const { name, formats } = source;
  return {
    name,
    formats,
    async list(image, options) {
      const question = ["signatures", name, image.repository, shown(image.reference), image.digest];
      return (await tape.ask(question, async () =>
        listingOf(name, await source.list(image, options)),
      )) as SignatureListing;
    },
  };
}

function shown(reference: Reference): string {
  return formatReference(reference);
}
