/** One request of the API server, from its body to the answer. */
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  AdmissionError,
  type AdmissionRecord,
  parseAdmissionReview,
  reviewAdmission,
  reviewTimeout,
} from "lading/admission";
import { type FailedCall, type HeldBytes, readBody } from "./body.ts";
import type { Decider } from "./decider.ts";
import { log, textOf } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import type { Settings } from "./settings.ts";

export interface Answerer {
  /** Answers one request; never rejects. */
  answer(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

interface Parts {
  settings: Settings;
  metrics: Metrics;
  decider: Decider;
  /** Whether new requests are to go elsewhere. */
  leaving: () => boolean;
}

export function createAnswerer({ settings, metrics, decider, leaving }: Parts): Answerer {
  const held: HeldBytes = { bytes: 0, max: settings.maxHeldBytes };

  async function review(
    request: IncomingMessage,
    gone: AbortSignal,
    mutate: boolean,
  ): Promise<string | FailedCall> {
    const timeoutMs = reviewTimeout(request.url ?? "");
    const began = performance.now();
    const body = await readBody(request, settings.maxBodyBytes, held);
    if (!body || "status" in body) return body ?? { status: 400, text: "the body ended early" };
    try {
      const answered = await reviewAdmission(
        parseAdmissionReview(body, { maxBytes: settings.maxBodyBytes }),
        {
          check: decider.check,
          mutate,
          mode: ({ namespace }) => (settings.warnNamespaces.has(namespace) ? "warn" : settings.mode),
          // The time runs from the first byte.
          timeoutMs: Math.max(1, timeoutMs - (performance.now() - began)),
          signal: gone,
          onReview: note,
        },
      );
      return JSON.stringify(answered);
    } catch (error) {
      if (!(error instanceof AdmissionError)) throw error;
      const status = error.code === "ERR_ADMISSION_TOO_LARGE" ? 413 : 400;
      return { status, text: `${error.code}: ${error.message}` };
    } finally {
      held.bytes -= body.byteLength;
      metrics.observe((performance.now() - began) / 1000);
      metrics.gauge("lading_webhook_held_bytes", held.bytes);
    }
  }

  function note({ uid, request, mode, outcome, decisions, response }: AdmissionRecord): void {
    metrics.count("lading_webhook_reviews_total", { outcome, mode });
    if (outcome === "passed" || outcome === "allowed") return;
    const { namespace = "", name = "", kind, operation = "", dryRun = false } = request ?? {};
    const status = response.response.status?.message;
    const not = decisions.filter((decision) => decision.kind !== "allowed");
    log("warn", `review: ${outcome}`, {
      uid,
      kind,
      namespace,
      name,
      operation,
      dryRun,
      mode,
      status,
      images: not,
    });
  }

  async function page(
    request: IncomingMessage,
    gone: AbortSignal,
  ): Promise<[status: number, type: string, text: string]> {
    const [path = "/"] = (request.url ?? "/").split("?");
    if (path === "/healthz") return [200, "text/plain", "ok\n"];
    if (path === "/readyz") {
      const ready = decider.ready() && !leaving();
      metrics.gauge("lading_webhook_ready", ready ? 1 : 0);
      return ready ? [200, "text/plain", "ok\n"] : [503, "text/plain", "not ready\n"];
    }
    if (path === "/metrics") return [200, "text/plain; version=0.0.4", metrics.text()];
    if (path !== "/validate" && path !== "/mutate") return [404, "text/plain", "not found\n"];
    if (request.method !== "POST") return [405, "text/plain", "POST an AdmissionReview\n"];
    if (!/^application\/json *(;|$)/i.test(request.headers["content-type"] ?? "")) {
      return [415, "text/plain", "application/json only\n"];
    }
    if (
      settings.clientCa !== undefined &&
      !("authorized" in request.socket && request.socket.authorized === true)
    ) {
      return [401, "text/plain", "a client certificate is required\n"];
    }
    const text = await review(request, gone, path === "/mutate");
    return typeof text === "string"
      ? [200, "application/json", text]
      : [text.status, "text/plain", `${text.text}\n`];
  }

  return {
    async answer(request, response) {
      const gone = new AbortController();
      response.once("close", () => {
        if (!response.writableFinished) gone.abort();
      });
      let answer: Awaited<ReturnType<typeof page>>;
      try {
        answer = await page(request, gone.signal);
      } catch (error) {
        // Not an answer: the API server goes by the failurePolicy.
        answer = [500, "text/plain", "the review failed\n"];
        if (!gone.signal.aborted) log("error", "a review failed", { error: textOf(error) });
      }
      if (response.destroyed) return;
      const [status, type, text] = answer;
      if (status >= 400 && status !== 503)
        metrics.count("lading_webhook_failed_calls_total", { status: `${status}` });
      // What was not read of a body must not be taken for the next request.
      const closes = leaving() || !request.complete;
      response.writeHead(status, {
        "Content-Type": type,
        "Content-Length": Buffer.byteLength(text),
        ...(closes ? { Connection: "close" } : {}),
      });
      response.end(text);
    },
  };
}
