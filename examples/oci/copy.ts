/** crane copy, skopeo copy and sync, oras copy -r: everything that belongs to an image, its digest unchanged. */
import { copyImage } from "lading/oci";
import { onRegistry, PLATFORM } from "./shared/place.ts";

await onRegistry(async ({ repository, name, target }) => {
  const report = await copyImage(repository, name, target, "1.0", {
    referrers: true,
    concurrency: 4,
    // Asked before anything is written; the verdict of a policy fits here.
    check: ({ root }) => ({ kind: root.size < 100_000 ? "allowed" : "refused", message: "too large" }),
    onProgress: (event) => {
      if (event.kind === "planned")
        console.log(event.manifests, "manifests,", event.blobs, "blobs,", event.totalBytes, "bytes");
      else
        console.log(
          event.kind,
          event.descriptor.digest.slice(0, 19),
          `${event.doneBytes}/${event.totalBytes}`,
        );
    },
  });
  console.log(
    "copied",
    report.copied.length,
    "mounted",
    report.mounted.length,
    "there",
    report.skipped.length,
  );
  // The image for one platform alone, under a digest of its own.
  const one = await copyImage(repository, name, target, "1.0-amd64", { platform: PLATFORM });
  console.log(one.root.digest, "skipped", one.skipped.length);
});
