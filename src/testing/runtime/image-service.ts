/**
 * RPCs about images.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { isLadingError } from "../../core/errors.ts";
import { messageOf } from "../../core/message-of.ts";
import {
  type AuthConfig,
  CriError,
  type ImageFilter,
  type ImageSchema,
  type ImageService,
} from "../../cri/index.ts";
import type { MessageInitShape, ServedCall, ServiceHandlers } from "../../cri/serve.ts";
import { imageInfo } from "./flavor-info.ts";
import type { KnownImage } from "./image-types.ts";
import { fullName, repositoryOf, type StoredImage } from "./images.ts";
import { inBatches } from "./lists.ts";
import { notFound, quote, unknown } from "./refusals.ts";
import { isAtLeast } from "./releases.ts";
import type { RuntimeWorld } from "./world.ts";

/** Handlers of the RPCs about images. */
export function imageHandlers(world: RuntimeWorld): ServiceHandlers<typeof ImageService> {
  const { images } = world;
  const select = (filter: ImageFilter | undefined) => {
    const text = filter?.image?.image ?? "";
    // containerd lists all images, whatever the filter says.
    if (text === "" || world.flavor === "containerd") return images.list();
    const image = images.find(text);
    return image ? [image] : [];
  };
  return {
    listImages: ({ filter }) => ({ images: select(filter).map(imageItem) }),
    streamImages: function* ({ filter }) {
      const items = select(filter).map(imageItem);
      for (const batch of inBatches(items, world.listBatchSize)) yield { images: batch };
    },
    imageStatus: ({ image, verbose }) => {
      const found = images.find(image?.image ?? "");
      return found ? { image: imageItem(found), info: verbose ? imageInfo(world, found) : {} } : {};
    },
    pullImage: async ({ image, auth }, call) => {
      const stored = await pull(world, image?.image ?? "", auth, call);
      const byDigest = world.flavor === "cri-o" && !isAtLeast(world.release, "0.36");
      return { imageRef: byDigest ? ([...stored.repoDigests][0] ?? stored.id) : stored.id };
    },
    removeImage: ({ image }) => {
      const found = images.find(image?.image ?? "");
      if (found) images.remove(found);
      return {};
    },
    imageFsInfo: () => {
      const stored = images.list();
      const usedBytes = stored.reduce((sum, { known }) => sum + sizeOf(known), 0n);
      return {
        imageFilesystems: [
          {
            timestamp: world.now(),
            fsId: { mountpoint: `${world.folder}/images` },
            usedBytes: { value: usedBytes },
            inodesUsed: { value: BigInt(stored.length) },
          },
        ],
      };
    },
  };
}

async function pull(
  world: RuntimeWorld,
  text: string,
  auth: AuthConfig | undefined,
  call: ServedCall,
): Promise<StoredImage> {
  const { images, flavor } = world;
  const name = fullName(text);
  if (name === undefined)
    throw unknown(`failed to parse image reference ${quote(text)}: invalid reference format`);
  const failed = `failed to pull and unpack image ${quote(name)}`;
  const known = images.known(name) ?? (await resolved(world, name, auth, call.signal));
  if (!known) {
    const what = `failed to resolve reference ${quote(name)}: ${name}: not found`;
    throw new CriError("ERR_CRI_NOT_FOUND", flavor === "containerd" ? `${failed}: ${what}` : what);
  }
  if (known.pullMs) {
    await sleep(known.pullMs, undefined, { signal: call.signal }).catch(() => {
      throw new CriError("ERR_CRI_CANCELLED", `${failed}: context canceled`);
    });
  }
  if (known.pullError !== undefined) throw unknown(known.pullError);
  if (known.users && !mayPull(known.users, auth, repositoryOf(name).split("/")[0] ?? "")) {
    const denied = "pull access denied, repository does not exist or may require authorization";
    throw unknown(
      flavor === "containerd"
        ? `${failed}: failed to resolve reference ${quote(name)}: ${denied}`
        : `initializing source docker://${name}: reading manifest: unauthorized: authentication required`,
    );
  }
  return images.store(known, name);
}

async function resolved(
  { resolveImage }: RuntimeWorld,
  name: string,
  auth: AuthConfig | undefined,
  signal: AbortSignal,
): Promise<KnownImage | undefined> {
  try {
    return await resolveImage?.(name, auth, { signal });
  } catch (error) {
    const failed = `failed to pull and unpack image ${quote(name)}`;
    if (signal.aborted) throw new CriError("ERR_CRI_CANCELLED", `${failed}: context canceled`);
    const text = `${failed}: ${messageOf(error)}`;
    if (isLadingError(error) && error.code === "ERR_OCI_NOT_FOUND") throw notFound(text);
    throw unknown(text);
  }
}

/** Whether credentials are those of a user. They are not used for a host other than the one they name. */
function mayPull(
  users: Readonly<Record<string, string>>,
  auth: AuthConfig | undefined,
  registry: string,
): boolean {
  if (!auth) return false;
  if (auth.serverAddress !== "" && hostOf(auth.serverAddress) !== registry) return false;
  const [username, password] = credentialsOf(auth);
  return Object.hasOwn(users, username) && users[username] === password;
}

function hostOf(address: string): string {
  const host = URL.canParse(address) ? new URL(address).host : address;
  return host === "index.docker.io" || host === "registry-1.docker.io" ? "docker.io" : host;
}

function credentialsOf({ username, password, auth }: AuthConfig): [string, string] {
  if (username !== "") return [username, password];
  const decoded = Buffer.from(auth, "base64").toString("utf8").replace(/\0+$/, "");
  const colon = decoded.indexOf(":");
  return colon < 0 ? ["", ""] : [decoded.slice(0, colon), decoded.slice(colon + 1)];
}

function imageItem({ id, known, tags, repoDigests }: StoredImage): MessageInitShape<typeof ImageSchema> {
  const [user = ""] = (known.user ?? "").split(":");
  const uid = /^\d+$/.test(user) ? BigInt(user) : undefined;
  return {
    id,
    repoTags: [...tags],
    repoDigests: [...repoDigests],
    size: sizeOf(known),
    ...(uid === undefined ? { username: user } : { uid: { value: uid } }),
    spec: { image: id },
    pinned: known.pinned ?? false,
  };
}

function sizeOf({ size = 1_048_576n }: KnownImage): bigint {
  return size;
}
