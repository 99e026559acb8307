import { CriError } from "../../../src/cri/errors.ts";
import { parseAuth, parseCreds } from "../../../src/cri/operations/credentials.ts";
import { filterImages } from "../../../src/cri/operations/image-filters.ts";
import { splitRepoDigest, splitRepoTags } from "../../../src/cri/operations/image-names.ts";
import type { VectorFields, VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  run({ input }) {
    try {
      return outcome(input);
    } catch (error) {
      if (error instanceof CriError) return { error: true };
      throw error;
    }
  },
};
export default suite;

function outcome(input: VectorFields): unknown {
  switch (input["op"]) {
    case "image-filters":
      return filterImages(imagesOf(input["images"]), strings(input["filters"])).map(({ id }) => id);
    case "creds": {
      const { username, password } = parseCreds(String(input["input"]));
      return { username, password };
    }
    case "auth": {
      const credentials = parseAuth({ creds: String(input["creds"]), auth: String(input["auth"]) });
      if (!credentials) return { credentials: null };
      const { username, password, auth } = credentials;
      return { username, password, auth };
    }
    case "repo-tag-pairs":
      return splitRepoTags(strings(input["repoTags"]), String(input["imageName"])).map(
        ({ repository, tag }) => [repository, tag],
      );
    case "repo-digest": {
      const { repository, digest } = splitRepoDigest(strings(input["repoDigests"]));
      return [repository, digest];
    }
    default:
      throw new Error(`unknown operation ${String(input["op"])}`);
  }
}

/** A list of texts; none for null, as an absent list is written. */
function strings(value: VectorFields[string] | undefined): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function imagesOf(value: VectorFields[string] | undefined) {
  const images = Array.isArray(value) ? value : [];
  return images.map((image) => {
    const { id, repoTags, repoDigests } = Object(image) as VectorFields;
    return { id: String(id), repoTags: strings(repoTags), repoDigests: strings(repoDigests) };
  });
}
