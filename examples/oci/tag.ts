/** crane tag, oras tag; crane delete, skopeo delete, oras manifest delete: names given and taken, content removed. */
import { copyImage, OciError } from "lading/oci";
import { onRegistry } from "./shared/place.ts";

await onRegistry(async ({ repository, name, target }) => {
  const { root } = await copyImage(repository, name, target, "1.0");
  for (const tag of ["latest", "stable"]) await target.tag(root, tag);
  await attempt("tag deleted", () => target.deleteTag("stable"));
  const tags: string[] = [];
  for await (const tag of target.tags()) tags.push(tag);
  console.log(root.digest, "is", tags);
  await attempt("image deleted", () => target.delete(root));
  console.log("exists:", await target.exists(root));
});

/** Registries that delete no tags, or nothing at all, are many. */
async function attempt(title: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
    console.log(title);
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    console.log(`not ${title}:`, error.code, error.statusCode);
  }
}
