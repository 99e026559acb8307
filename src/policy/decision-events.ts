/**
 * Decisions as events for those who listen.
 *
 * @module
 */
import { eventCode, isObserved, publish } from "../core/diagnostics.ts";
import { formatReference, type Reference } from "../core/reference.ts";
import type { Verdict } from "./verdict.ts";

/** Decides, and tells how that went. */
export async function observedDecision(
  asked: string | Reference,
  decide: () => Promise<Verdict>,
): Promise<Verdict> {
  if (!isObserved("lading:policy:decision")) return await decide();
  const started = performance.now();
  const durationMs = () => performance.now() - started;
  try {
    const verdict = await decide();
    const { kind, reference, digest, scope } = verdict;
    publish("lading:policy:decision", () => ({
      kind,
      reference,
      digest,
      scope: scope.kind === "default" ? "default" : scope.scope,
      ...(verdict.kind === "rejected" ? { reason: verdict.reason } : {}),
      durationMs: durationMs(),
    }));
    return verdict;
  } catch (error) {
    const reference = typeof asked === "string" ? asked : formatReference(asked);
    const code = eventCode(error);
    publish("lading:policy:decision", () => ({
      kind: "undecided",
      reference,
      code,
      durationMs: durationMs(),
    }));
    throw error;
  }
}
