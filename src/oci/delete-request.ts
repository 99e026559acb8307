/**
 * The request that deletes.
 *
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#content-management}
 * @module
 */
import { discardBody } from "./http.ts";
import { type RepositoryPlace, repositoryAccess, repositoryUrl } from "./pull.ts";

/**
 * Deletes what is at a path below the repository. It is not asked twice: what the first request deleted would be
 * missing at the second.
 */
export async function requestDelete(
  place: RepositoryPlace,
  rest: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const answer = await place.client.request({
    ...repositoryAccess(place, ["delete", "pull"], signal),
    method: "DELETE",
    url: repositoryUrl(place, rest),
    accept: [200, 202, 204],
    repeatable: false,
  });
  await discardBody(answer);
}
