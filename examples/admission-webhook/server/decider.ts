/** The check, by policies that are read anew while it runs. */
import { createPodCheck, type PodCheck, rememberContent } from "lading/admission";
import { createRegistry, loadCredentials } from "lading/oci";
import { createVerifier, type Policy, sigstoreAttachments, type Verifier } from "lading/policy";
import { log, textOf } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { type PolicySet, readPolicies } from "./policies.ts";
import type { Settings } from "./settings.ts";
import { openCache } from "./shared-cache.ts";

export interface Decider {
  readonly check: PodCheck;
  /** Whether there is something to decide by. */
  ready(): boolean;
  /** Takes changed files up; keeps what it has where they cannot be used. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

interface Verifiers {
  readonly fingerprint: string;
  readonly general: Verifier;
  readonly byNamespace: ReadonlyMap<string, Verifier>;
}

export function createDecider(settings: Settings, metrics: Metrics): Decider {
  const { authFile } = settings;
  const registry = createRegistry(
    authFile === undefined ? {} : { credentials: loadCredentials({ authFile }) },
  );
  const source = rememberContent(registry);
  const cache = openCache(settings.redis, () =>
    metrics.count("lading_webhook_cache_total", { kind: "refused" }),
  );
  let verifiers: Verifiers | undefined;

  const verifierOf = (policy: Policy, { readFile }: PolicySet): Verifier =>
    createVerifier(policy, {
      source,
      // Where cosign puts signatures. Nodes look there only where their registries.d says so.
      signatureSources: [sigstoreAttachments()],
      readFile,
      cache: {
        store: cache.store,
        // All replicas ask the same registries in the same way.
        scope: "admission",
        onEvent: ({ kind }) => metrics.count("lading_webhook_cache_total", { kind }),
      },
    });

  return {
    check: createPodCheck({
      platforms: settings.platforms,
      verifierFor(namespace) {
        if (!verifiers) throw new Error("policies and trust roots were not read yet");
        return verifiers.byNamespace.get(namespace) ?? verifiers.general;
      },
    }),
    ready: () => verifiers !== undefined,
    async reload() {
      try {
        const set = await readPolicies(settings.policy, settings.policyFolder);
        metrics.gauge("lading_webhook_stale", 0);
        if (set.fingerprint === verifiers?.fingerprint) return;
        verifiers = {
          fingerprint: set.fingerprint,
          general: verifierOf(set.general, set),
          byNamespace: new Map([...set.byNamespace].map(([name, policy]) => [name, verifierOf(policy, set)])),
        };
        metrics.count("lading_webhook_reloads_total", { what: "policy", result: "taken" });
        log("info", "policies were read", { namespaces: [...set.byNamespace.keys()] });
      } catch (error) {
        metrics.gauge("lading_webhook_stale", verifiers ? 1 : 0);
        metrics.count("lading_webhook_reloads_total", { what: "policy", result: "refused" });
        const kept = verifiers ? "the old policies stay" : "there is no policy yet: everything is refused";
        log("error", `policies cannot be used; ${kept}`, { error: textOf(error) });
      }
    },
    async close() {
      await registry.close();
      await cache.close();
    },
  };
}
