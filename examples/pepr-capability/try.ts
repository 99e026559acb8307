/**
 * The actions of images.ts, called as Pepr calls them, with a registry inside this process.
 *
 *   node examples/pepr-capability/try.ts
 */
import { createPodCheck, rememberContent } from "lading/admission";
import { createRegistry, packImage, pushImage } from "lading/oci";
import { createVerifier, parsePolicy, sigstoreAttachments } from "lading/policy";
import { attachSignatures, mintKey, publicKeyPem, signImage, startRegistry } from "lading/testing";
import { imageActions, type PeprMutateRequest, type PeprValidateRequest } from "./images.ts";

const platform = { os: "linux", architecture: "amd64" };
const server = await startRegistry();
const registry = createRegistry();
try {
  const key = mintKey();
  const name = `${server.host}/team/app`;
  for (const tag of ["signed", "unsigned"]) {
    const image = packImage({ platform, layers: [], config: { Labels: { tag } } });
    const { digest } = await pushImage(registry.repository(name), image, tag);
    const signature = signImage({ reference: `${name}:${tag}`, digest, signer: key });
    if (tag === "signed") await attachSignatures(registry.repository(name), digest, [signature]);
  }
  const keyData = Buffer.from(publicKeyPem(key)).toString("base64");
  const policy = parsePolicy(JSON.stringify({ default: [{ type: "sigstoreSigned", keyData }] }));
  const verifier = createVerifier(policy, {
    source: rememberContent(registry),
    signatureSources: [sigstoreAttachments()],
  });
  const { validate, pin } = imageActions(
    createPodCheck({ verifierFor: () => verifier, platforms: [platform] }),
  );

  /** A Pod as the API server sends it, in the hands of Pepr. */
  const requestFor = (image: string): PeprMutateRequest & PeprValidateRequest<string> => {
    const Raw = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "web", namespace: "team" },
      spec: { containers: [{ name: "web", image }] },
    };
    return {
      Raw,
      Request: {
        uid: crypto.randomUUID(),
        kind: { group: "", version: "v1", kind: "Pod" },
        resource: { group: "", version: "v1", resource: "pods" },
        operation: "CREATE",
        namespace: "team",
        name: "web",
        userInfo: {},
        object: structuredClone(Raw),
      },
      Approve: () => "approved",
      Deny: (message, code) => `denied with ${code}: ${message}`,
    };
  };

  const good = requestFor(`${name}:signed`);
  await pin(good);
  console.log("pinned:", JSON.stringify(good.Raw));
  if (!JSON.stringify(good.Raw).includes(`${name}@sha256:`)) throw new Error("the image was not pinned");
  const approved = await validate(requestFor(`${name}:signed`));
  console.log("signed:", approved);
  if (approved !== "approved") throw new Error("a signed image was denied");
  const denied = await validate(requestFor(`${name}:unsigned`));
  console.log("unsigned:", denied);
  if (!denied.startsWith("denied with 403")) throw new Error("an unsigned image was approved");
  const thrown = await pin(requestFor(`${name}:unsigned`)).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(thrown instanceof Error)) throw new Error("an unsigned image was pinned");
} finally {
  await registry.close();
  await server.close();
}
