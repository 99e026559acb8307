/**
 * Requests as events for those who listen.
 *
 * @module
 */
import { eventCode, isObserved, publish } from "../core/diagnostics.ts";
import { displayUrl } from "./url.ts";

/** Sends a request, and tells how that went. */
export async function observed<Answer extends { readonly status: number }>(
  { method, url }: { readonly method: string; readonly url: URL },
  send: () => Promise<Answer>,
): Promise<Answer> {
  if (!isObserved("lading:registry:request")) return await send();
  const started = performance.now();
  const about = () => ({ method, url: displayUrl(url), durationMs: performance.now() - started });
  try {
    const answer = await send();
    publish("lading:registry:request", () => ({ ...about(), status: answer.status }));
    return answer;
  } catch (error) {
    publish("lading:registry:request", () => ({ ...about(), code: eventCode(error) }));
    throw error;
  }
}
