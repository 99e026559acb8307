/** What no tool tells: where a node pulls an image from, by hosts.toml or registries.conf, and why. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseReference } from "lading";
import {
  createMirroredRegistry,
  loadHostsSources,
  type PullSources,
  parseHostsToml,
  parseRegistriesConf,
  resolveHosts,
  resolvePullSources,
  resolveShortName,
} from "lading/oci";
import { onRegistry } from "./shared/place.ts";

const print = (title: string, sources: PullSources) => {
  console.log(title, sources.kind);
  if (sources.kind === "allowed") {
    for (const { kind, url, domain, reason } of sources.attempts)
      console.log(" ", kind, url, `as ${domain}:`, reason);
  }
  for (const { what, outcome, why } of sources.trace) console.log("   ", outcome, what, `(${why})`);
};

await onRegistry(async ({ registry, repository, name, folder }) => {
  // By values alone: nothing is read, nothing is asked.
  const reference = parseReference("docker.io/library/busybox:1.37");
  const toml = `server = "https://registry-1.docker.io"
[host."https://harbor.example/v2/dockerhub"]
  capabilities = ["pull", "resolve"]
  override_path = true
`;
  const hosts = resolveHosts("docker.io", parseHostsToml(toml));
  print("containerd:", resolvePullSources(reference, { kind: "hosts", hosts }));

  const text = `unqualified-search-registries = ["quay.io"]
[[registry]]
prefix = "docker.io/library"
location = "registry-1.docker.io/library"
[[registry.mirror]]
location = "mirror.example/hub"
pull-from-mirror = "digest-only"
[[registry]]
prefix = "*.bad.example"
blocked = true
`;
  const config = parseRegistriesConf([{ name: "registries.conf", text }]);
  print("Podman:", resolvePullSources(reference, { kind: "registries-conf", config }));
  print(
    "blocked:",
    resolvePullSources(parseReference("a.bad.example/x:1"), { kind: "registries-conf", config }),
  );
  console.log(await resolveShortName("app:1", config));

  // And pulled so: this mirror stands in for a registry that is not there.
  const [host = "", ...path] = repository.name.split("/");
  await mkdir(join(folder, "absent.example"));
  const mirror = `server = "https://absent.example"\n[host."http://${host}"]\n  capabilities = ["pull", "resolve"]\n`;
  await writeFile(join(folder, "absent.example", "hosts.toml"), mirror);
  if (!host.startsWith("127.")) return;
  const mirrored = createMirroredRegistry(registry, { sources: loadHostsSources({ configPath: folder }) });
  const image = await mirrored.resolve(`absent.example/${path.join("/")}:${name}`);
  console.log(image.descriptor.digest, "from", image.attempt.url);
});
