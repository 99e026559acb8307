/** OpenShift's and policy-controller's policies as the files of a node, with what is lost on the way. */
import {
  formatPolicy,
  importOpenShiftPolicies,
  importPolicyController,
  openShiftBasePolicy,
  PolicyError,
} from "lading/policy";
import { mintKey, publicKeyPem } from "lading/testing";

const pem = publicKeyPem(mintKey());

const openShift = await importOpenShiftPolicies(
  `apiVersion: config.openshift.io/v1
kind: ClusterImagePolicy
metadata:
  name: signed
spec:
  scopes:
    - quay.io/team
  policy:
    rootOfTrust:
      policyType: PublicKey
      publicKey:
        keyData: ${Buffer.from(pem).toString("base64")}
    signedIdentity:
      matchPolicy: MatchRepository
---
apiVersion: config.openshift.io/v1
kind: ImagePolicy
metadata:
  name: mine
  namespace: web
spec:
  scopes:
    - ghcr.io/web
    - quay.io/team/below
  policy:
    rootOfTrust:
      policyType: PublicKey
      publicKey:
        keyData: ${Buffer.from(pem).toString("base64")}
`,
  { base: openShiftBasePolicy() },
);
console.log("/etc/containers/policy.json", formatPolicy(openShift.policy));
for (const [namespace, policy] of openShift.namespacePolicies) {
  console.log(`/etc/crio/policies/${namespace}.json`, formatPolicy(policy));
}
for (const { name, text } of openShift.registriesD)
  console.log(`/etc/containers/registries.d/${name}\n${text}`);
for (const { object, effect, message } of openShift.losses) console.log(`${object} ${effect}: ${message}`);

const clusterImagePolicy = (authorities: string) => `apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata:
  name: signed
spec:
  images:
    - glob: "ghcr.io/**"
  authorities:
${authorities}`;
const keyed = clusterImagePolicy(`    - key:\n        data: ${JSON.stringify(pem)}\n`);
const controller = await importPolicyController(keyed, { noMatchPolicy: "deny" });
console.log(formatPolicy(controller.policy));
for (const { object, effect, message } of controller.losses) console.log(`${object} ${effect}: ${message}`);

// What a node cannot check is never dropped: the import ends, and says everything that stands in its way.
const keyless = clusterImagePolicy(`    - keyless:
        url: https://fulcio.sigstore.dev
        identities:
          - issuerRegExp: ".*"
            subject: https://github.com/team/app/.github/workflows/release.yaml@refs/heads/main
`);
try {
  await importPolicyController(keyless, { noMatchPolicy: "deny" });
  process.exitCode = 1;
} catch (error) {
  if (!(error instanceof PolicyError)) throw error;
  for (const { position, code, message } of error.losses ?? [])
    console.log(`line ${position.line} ${code}: ${message}`);
}
