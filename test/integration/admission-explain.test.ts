/** What the webhook decides is what the node decides: the same Pods, by the same files, asked of both. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createPodCheck, rememberContent, reviewAdmission } from "../../src/admission/index.ts";
import { loadNode } from "../../src/config/node/load.ts";
import { explainPod, type ImageExplanation } from "../../src/explain/index.ts";
import { packImage } from "../../src/oci/artifact.ts";
import { pushImage } from "../../src/oci/push-image.ts";
import { createVerifier, parsePolicy, sigstoreAttachments } from "../../src/policy/index.ts";
import { mintKey, publicKeyPem } from "../../src/testing/certificates.ts";
import { attachSignatures, signImage } from "../../src/testing/signatures.ts";
import { podSpec, review } from "../unit/admission/samples.ts";
import { withRoot } from "../unit/config/node-root.ts";
import { pairFor } from "./registry-setup.ts";

const key = mintKey();
const other = mintKey();
const keyData = Buffer.from(publicKeyPem(key)).toString("base64");
const signedBy = (signedIdentity?: object): object => ({
  type: "sigstoreSigned",
  keyData,
  ...(signedIdentity ? { signedIdentity } : {}),
});

/** Names of images, with how they are signed. */
const IMAGES: Readonly<Record<string, readonly [key: typeof key, tag: string][]>> = {
  signed: [[key, "1"]],
  unsigned: [],
  "signed-by-another": [[other, "1"]],
  "signed-as-another": [[key, "2"]],
  "signed-twice": [
    [other, "1"],
    [key, "1"],
  ],
};

const policiesFor = (host: string): Readonly<Record<string, object>> => ({
  shop: {
    default: [{ type: "reject" }],
    transports: {
      docker: {
        [`${host}/team`]: [signedBy()],
        [`${host}/team/unsigned`]: [{ type: "reject" }],
        [`${host}/exact`]: [signedBy({ type: "matchExact" })],
        [`${host}/repository`]: [signedBy({ type: "matchRepository" })],
      },
    },
  },
  open: { default: [{ type: "insecureAcceptAnything" }] },
  closed: { default: [{ type: "reject" }] },
});

test("every Pod that the webhook allows runs on the node, as written and pinned, and no other one", async (t) => {
  const { server, registry } = await pairFor(t);
  const { host } = server;
  const policies = policiesFor(host);
  const references: string[] = [`${host}/team/missing:1`];
  for (const place of ["team", "exact", "repository", "elsewhere"]) {
    for (const [image, signatures] of Object.entries(IMAGES)) {
      const name = `${host}/${place}/${image}`;
      const platform = { os: "linux", architecture: "amd64" };
      const graph = packImage({ platform, layers: [], config: { Labels: { name } } });
      const { digest } = await pushImage(registry.repository(name), graph, "1");
      const layers = signatures.map(([signer, tag]) =>
        signImage({ reference: `${name}:${tag}`, digest, signer }),
      );
      if (layers.length > 0) await attachSignatures(registry.repository(name), digest, layers);
      references.push(`${name}:1`, `${name}@${digest}`);
    }
  }
  const verifiers = new Map(
    Object.entries(policies).map(([namespace, policy]) => [
      namespace,
      createVerifier(parsePolicy(JSON.stringify(policy)), {
        source: rememberContent(registry),
        signatureSources: [sigstoreAttachments()],
      }),
    ]),
  );
  const check = createPodCheck({
    platforms: [{ os: "linux", architecture: "amd64" }],
    verifierFor(namespace) {
      const verifier = verifiers.get(namespace);
      if (!verifier) throw new Error(`no policy for ${namespace}`);
      return verifier;
    },
  });
  const inside = {
    "/etc/crio/crio.conf": '[crio.image]\nsignature_policy = "/etc/crio/policies/closed.json"\n',
    "/etc/containers/registries.conf": `[[registry]]\nlocation = "${host}"\ninsecure = true\n`,
    "/etc/containers/registries.d/all.yaml": "default-docker:\n  use-sigstore-attachments: true\n",
    ...Object.fromEntries(
      Object.entries(policies).map(([namespace, policy]) => [
        `/etc/crio/policies/${namespace}.json`,
        JSON.stringify(policy),
      ]),
    ),
  };
  await withRoot({ inside }, async (root) => {
    const node = await loadNode({ root });
    const imageOf = async (namespace: string, image: string): Promise<ImageExplanation> => {
      const pod = { kind: "Pod", metadata: { name: "web", namespace }, spec: podSpec(image) };
      const [explained] = (await explainPod(pod, node, { registry })).images;
      assert.ok(explained);
      return explained;
    };
    const seen = { allowed: 0, refused: 0, undecided: 0 };
    for (const namespace of Object.keys(policies)) {
      for (const image of references) {
        const sample = review({ namespace, spec: podSpec(image) });
        const { response } = await reviewAdmission(sample, { check, mutate: true });
        const written = await imageOf(namespace, image);
        const text = `${namespace} ${image}: ${response.status?.message} / ${JSON.stringify(written.outcome)}`;
        const code = response.status?.code ?? 0;
        if (response.allowed) {
          seen.allowed++;
          const [{ value = image } = {}] = JSON.parse(
            Buffer.from(response.patch ?? "W10=", "base64").toString("utf8"),
          ) as { value?: string }[];
          assert.match(value, /@sha256:[0-9a-f]{64}$/);
          assert.equal(written.outcome.kind, "runs", text);
          const pinned = await imageOf(namespace, value);
          assert.equal(pinned.outcome.kind, "runs", text);
          assert.equal(pinned.digest, written.digest);
          continue;
        }
        if (written.outcome.kind === "runs") {
          // The node would start it as written, and not by its digest, which is what it would be told.
          const pinned = await imageOf(namespace, `${image.replace(/:1$/, "")}@${written.digest}`);
          assert.equal(pinned.outcome.kind, "fails", text);
          assert.equal(code, 403, text);
        }
        if (code === 403) seen.refused++;
        else seen.undecided++;
        if (code !== 403) assert.ok(image.includes("missing"), text);
        // The words are the node's.
        if (written.outcome.kind === "fails" && code === 403) {
          const [, marked = "", reason = "-"] =
            /refused: (SignatureValidationFailed: )?(Source image rejected: .*?)…?$/.exec(
              response.status?.message ?? "",
            ) ?? [];
          assert.ok(written.outcome.message.startsWith(marked), text);
          assert.ok(written.outcome.message.includes(reason), text);
        }
      }
    }
    assert.ok(seen.allowed > 20 && seen.refused > 20 && seen.undecided >= 3, JSON.stringify(seen));
  });
});
