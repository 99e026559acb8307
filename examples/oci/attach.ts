/** oras attach, oras discover; cosign tree: what refers to an image, and what refers to that. */
import { attachArtifact, copyImage, discoverReferrers, pullArtifact, type ReferrerNode } from "lading/oci";
import { onRegistry } from "./shared/place.ts";

await onRegistry(async ({ repository, name, target, folder }) => {
  await copyImage(repository, name, target, "1.0");
  const content = Buffer.from(JSON.stringify({ bomFormat: "CycloneDX", specVersion: "1.6" }));
  const sbom = await attachArtifact(target, "1.0", {
    artifactType: "application/vnd.cyclonedx+json",
    files: [{ content, title: "sbom.json", mediaType: "application/vnd.cyclonedx+json" }],
  });
  await attachArtifact(target, sbom.descriptor, {
    artifactType: "application/vnd.dev.cosign.artifact.sig.v1+json",
  });

  // By the referrers API where the registry has it, else by the tag scheme; a push keeps both right.
  const { subject, referrers } = await discoverReferrers(target, "1.0");
  console.log(subject.digest);
  const print = (nodes: readonly ReferrerNode[], indent: string) => {
    for (const { descriptor, convention, referrers } of nodes) {
      console.log(`${indent}${convention ?? descriptor.artifactType} ${descriptor.digest}`);
      print(referrers, `${indent}  `);
    }
  };
  print(referrers, "  ");
  const { files } = await pullArtifact(target, sbom.descriptor, { directory: folder });
  console.log(files.map(({ title, descriptor }) => `${title} ${descriptor.size}`));
});
