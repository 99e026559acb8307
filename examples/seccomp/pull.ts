/** The profile that an annotation names, pulled as CRI-O would, but refusing what CRI-O overlooks. */
import { createArtifactSource, createRegistry } from "lading/oci";
import {
  fetchProfileArtifact,
  parseProfile,
  pushProfileArtifact,
  readProfile,
  toRuntimeSpec,
} from "lading/seccomp";
import { startRegistry } from "lading/testing";

const server = await startRegistry();
const registry = createRegistry();
try {
  const name = `${server.host}/team/profiles`;
  const profile = JSON.stringify({ defaultAction: "SCMP_ACT_ERRNO", defaultErrno: "ENOSYS" });
  const { manifest } = await pushProfileArtifact(registry.repository(name), await readProfile(profile));

  const found = await fetchProfileArtifact(`${name}@${manifest.descriptor.digest}`, {
    source: createArtifactSource(registry),
    version: "1.35",
    strict: true,
    // Signatures are checked here, before a layer is fetched.
    check: ({ manifest: { digest } }) => console.log("checked", digest),
  });
  console.log(toRuntimeSpec(parseProfile(found.profile), { arch: "amd64", capabilities: [] }));
} finally {
  await registry.close();
  await server.close();
}
