/** oras push, oras pull: files and directories in a registry, under safe names. */
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describeArtifact, fetchManifest, pullArtifact, pushArtifact } from "lading/oci";
import { onRegistry } from "./shared/place.ts";

await onRegistry(async ({ target, folder }) => {
  const source = join(folder, "rules");
  await mkdir(source);
  await writeFile(join(source, "main.rego"), "package main\n");
  const pushed = await pushArtifact(
    target,
    {
      artifactType: "application/vnd.example.rules",
      files: [
        { path: source },
        { content: Buffer.from("# rules\n"), title: "README.md", mediaType: "text/markdown" },
      ],
      annotations: { "org.opencontainers.image.source": "https://example.com/rules" },
    },
    "v1",
  );
  console.log(pushed.descriptor.digest);

  const manifest = await fetchManifest(target, "v1");
  if (manifest.kind === "manifest") console.log(describeArtifact(manifest));
  const directory = join(folder, "out");
  // Nothing leaves the directory, nothing stands in it before everything is verified.
  for (const { title, kind } of (await pullArtifact(target, "v1", { directory })).files)
    console.log(kind, title);
  console.log(await readdir(directory, { recursive: true }));
});
