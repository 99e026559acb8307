/**
 * Names of images, as crictl shows them.
 *
 * @module
 */

/** Where a name is missing. */
const NONE = "<none>";

/** A repository and a tag. */
export interface RepoTag {
  repository: string;
  tag: string;
}

/** A repository and a digest. */
export interface RepoDigest {
  repository: string;
  digest: string;
}

/**
 * The tags of an image, split at their last colon, one row for each as in `crictl images`.
 *
 * `imageName` stands for a repository that is `<none>`, and in the single row, with tag `<none>`, of an image
 * without tags. A tag without a colon, which no runtime gives, is `errorRepoTag` in both parts. For the port of a
 * registry and the like see `parseReference` of lading: nothing is checked here.
 */
export function splitRepoTags(repoTags: readonly string[], imageName: string): RepoTag[] {
  if (repoTags.length === 0) return [{ repository: imageName, tag: NONE }];
  return repoTags.map((repoTag) => {
    const colon = repoTag.lastIndexOf(":");
    if (colon < 0) return { repository: "errorRepoTag", tag: "errorRepoTag" };
    const repository = repoTag.slice(0, colon);
    return { repository: repository === NONE ? imageName : repository, tag: repoTag.slice(colon + 1) };
  });
}

/**
 * The first digest of an image, split at its `@`, as in `crictl images --digests`.
 *
 * Both parts are `<none>` for an image without digests, as images are that were imported and not pulled;
 * `errorName` and `errorRepoDigest` for a text without exactly one `@`, which no runtime gives.
 */
export function splitRepoDigest(repoDigests: readonly string[]): RepoDigest {
  const [first] = repoDigests;
  if (first === undefined) return { repository: NONE, digest: NONE };
  const [repository, digest, ...more] = first.split("@");
  if (repository === undefined || digest === undefined || more.length > 0) {
    return { repository: "errorName", digest: "errorRepoDigest" };
  }
  return { repository, digest };
}
