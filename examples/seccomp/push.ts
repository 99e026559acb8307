/** oras push of a profile, and an image that names it: both in a registry inside this process. */
import { createLayer, createRegistry, packImage, pushImage } from "lading/oci";
import { defaultProfile, linkProfile, pushProfileArtifact, readProfile } from "lading/seccomp";
import { startRegistry } from "lading/testing";

const server = await startRegistry();
const registry = createRegistry();
try {
  const profiles = registry.repository(`${server.host}/team/profiles`);
  const { defaultAction, defaultErrno } = defaultProfile("cri-o");
  const text = JSON.stringify({
    defaultAction,
    defaultErrno,
    syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW" }],
  });
  const { manifest } = await pushProfileArtifact(profiles, await readProfile(text), { tag: "v1" });
  const reference = `${server.host}/team/profiles@${manifest.descriptor.digest}`;
  console.log("profile", reference);

  const images = registry.repository(`${server.host}/team/app`);
  const layers = [await createLayer([{ path: "etc/motd", content: "welcome\n" }])];
  await pushImage(images, packImage({ platform: { os: "linux", architecture: "amd64" }, layers }), "1.0");
  const linked = await linkProfile(images, "1.0", reference, { tag: "1.0-confined" });
  console.log("image", linked.descriptor.digest);
} finally {
  await registry.close();
  await server.close();
}
