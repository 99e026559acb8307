/** crictl images, inspecti, imagefsinfo, pull, rmi: the images of a node. */
import {
  CriError,
  explainRemoveImage,
  imageStatus,
  inspectImage,
  listImages,
  parseCreds,
  pruneImages,
  pullImage,
  removeImage,
  splitRepoTags,
} from "lading/cri";
import { onNode } from "./shared/node.ts";

await onNode(async ({ cri, image }) => {
  // Credentials come from a function, asked for each image that is pulled.
  const credentials = (name: string) =>
    name.startsWith("registry.example/") ? parseCreds("me:secret") : undefined;
  try {
    console.log("pulled:", await pullImage(cri, image, { credentials, timeoutMs: 60_000 }));
  } catch (error) {
    if (!(error instanceof CriError)) throw error;
    console.log("not pulled:", error.reason ?? error.code, error.details);
  }

  for (const each of await listImages(cri, { filters: ["dangling=false"] })) {
    console.log(
      each.id.slice(0, 19),
      splitRepoTags(each.repoTags, ""),
      each.size,
      each.pinned ? "pinned" : "",
    );
  }
  const present = await imageStatus(cri, image, { verbose: true });
  if (present) console.log(inspectImage(present));
  console.log((await cri.image.imageFsInfo({})).imageFilesystems);

  // The interface has no way to take one name off an image: all of them go.
  console.log(await explainRemoveImage(cri, image));
  for (const decision of await pruneImages(cri, { dryRun: true })) {
    console.log(decision.kind, decision.image.repoTags);
  }
  console.log(await removeImage(cri, "docker.io/library/absent:1"));
});
