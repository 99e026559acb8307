/** Events on channels: for every request, look into the cache and decision. */
import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type TestContext, test } from "node:test";
import { DIAGNOSTICS_CHANNELS, type DiagnosticsEvents } from "../../src/index.ts";
import { parsePolicy } from "../../src/policy/parse.ts";
import { sigstoreAttachments } from "../../src/policy/sources/attachments.ts";
import { createVerifier } from "../../src/policy/verifier.ts";
import { pushImage, signedPolicy } from "../unit/explain/place.ts";
import { pairFor } from "./registry-setup.ts";

function listen(t: TestContext): { name: string; event: Record<string, unknown> }[] {
  const events: { name: string; event: Record<string, unknown> }[] = [];
  for (const name of DIAGNOSTICS_CHANNELS) {
    const onMessage = (event: unknown): void => {
      assert.ok(Object.isFrozen(event));
      events.push({ name, event: event as Record<string, unknown> });
    };
    subscribe(name, onMessage);
    t.after(() => unsubscribe(name, onMessage));
  }
  return events;
}

function of<Name extends keyof DiagnosticsEvents>(
  events: ReturnType<typeof listen>,
  name: Name,
): DiagnosticsEvents[Name][] {
  return events
    .filter((each) => each.name === name)
    .map(({ event }) => event as unknown as DiagnosticsEvents[Name]);
}

test("requests, cache and decisions are told, without what is secret", async (t) => {
  const { server, registry, repository } = await pairFor(
    t,
    { allowMissing: true, auth: { kind: "basic", users: { me: "s3cret" } } },
    { credentials: () => ({ kind: "password", username: "me", password: "s3cret" }) },
  );
  const name = `${server.host}/a/b`;
  const digest = await pushImage(repository, "1", { signedAs: name });
  const verifier = createVerifier(parsePolicy(JSON.stringify(signedPolicy(name))), {
    source: registry,
    signatureSources: [sigstoreAttachments()],
  });
  const events = listen(t);
  const before = server.requests.length;
  assert.equal((await verifier.evaluate(`${name}:1`)).kind, "allowed");
  assert.equal((await verifier.evaluate(`${name}@${digest}`)).kind, "allowed");
  assert.equal((await verifier.evaluate(`${name}@${digest}`)).kind, "allowed");

  const requests = of(events, "lading:registry:request");
  assert.equal(requests.length, server.requests.length - before);
  assert.ok(
    requests.every(
      ({ method, status, durationMs }) => method === "GET" && status !== undefined && durationMs >= 0,
    ),
  );
  assert.ok(requests.some(({ url }) => url === `http://${name.replace("/a/b", "/v2/a/b")}/manifests/1`));
  assert.deepEqual(
    of(events, "lading:policy:cache").map(({ kind }) => kind),
    ["miss", "miss", "hit"],
  );
  const decisions = of(events, "lading:policy:decision");
  assert.deepEqual(
    decisions.map(({ kind, reference, scope }) => [kind, reference, scope]),
    [
      ["allowed", `${name}:1`, name],
      ["allowed", `${name}@${digest}`, name],
      ["allowed", `${name}@${digest}`, name],
    ],
  );
  assert.ok(decisions.every((event) => event.digest === digest && event.durationMs >= 0));
  assert.ok(!JSON.stringify(events).includes("s3cret"));
});

test("what fails is told with its code, and an abort as one", async (t) => {
  const { server, registry } = await pairFor(t, {}, { retry: { attempts: 1 } });
  const name = `${server.host}/a/b`;
  const verifier = createVerifier(parsePolicy('{"default":[{"type":"insecureAcceptAnything"}]}'), {
    source: registry,
    signatureSources: [],
  });
  const events = listen(t);
  await assert.rejects(verifier.evaluate(`${name}:none`), { code: "ERR_POLICY_MANIFEST" });
  await assert.rejects(verifier.evaluate(`${name}:1`, { signal: AbortSignal.abort(new Error("enough")) }));
  await server.close();
  await assert.rejects(verifier.evaluate(`${name}:1`), { code: "ERR_POLICY_MANIFEST" });
  assert.deepEqual(
    of(events, "lading:policy:decision").map(({ kind, code }) => [kind, code]),
    [
      ["undecided", "ERR_POLICY_MANIFEST"],
      ["undecided", "ABORT"],
      ["undecided", "ERR_POLICY_MANIFEST"],
    ],
  );
  const requests = of(events, "lading:registry:request");
  assert.equal(requests[0]?.status, 404);
  assert.equal(requests.at(-1)?.code, "ERR_OCI_NETWORK");
});

test("a refusal is told with its reason", async (t) => {
  const { server, registry, repository } = await pairFor(t, { allowMissing: true });
  await pushImage(repository, "1");
  const verifier = createVerifier(parsePolicy('{"default":[{"type":"reject"}]}'), {
    source: registry,
    signatureSources: [],
  });
  const events = listen(t);
  const verdict = await verifier.evaluate(`${server.host}/a/b:1`);
  const [decision] = of(events, "lading:policy:decision");
  assert.ok(verdict.kind === "rejected");
  assert.deepEqual(
    [decision?.kind, decision?.scope, decision?.reason],
    ["rejected", "default", verdict.reason],
  );
});
