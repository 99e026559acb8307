/** crane ls, crane catalog, skopeo list-tags, oras repo: tags and repositories, page by page as they are read. */
import { OciError } from "lading/oci";
import { onRegistry } from "./shared/place.ts";

await onRegistry(async ({ registry, repository }) => {
  let shown = 0;
  for await (const tag of repository.tags({ pageSize: 100 })) {
    console.log(tag);
    // Leaving the loop asks for no more pages.
    if (++shown === 500) break;
  }
  try {
    const [domain = ""] = repository.name.split("/");
    for await (const path of registry.catalog(domain)) console.log("repository", path);
  } catch (error) {
    // The large public registries have no catalog.
    if (!(error instanceof OciError)) throw error;
    console.log("no catalog:", error.code);
  }
});
