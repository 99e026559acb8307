/**
 * Which images are needed by what a runtime has.
 *
 * @module
 */
import { CoreError } from "../../core/errors.ts";
import { members, parseJson } from "../../core/strict-json.ts";
import type { CriCallOptions } from "../call.ts";
import type { CriConnection } from "../connect.ts";
import { CriError } from "../errors.ts";
import type { Image } from "../gen/runtime/v1/api_pb.ts";
import { iterateContainers, iteratePodSandboxes } from "../list-streams.ts";
import { namesOfImage, namesUsedBy } from "./image-use.ts";
import { mapParallel } from "./parallel.ts";

/** What needs an image. */
export interface ImageUser {
  kind: "container" | "mount" | "pod" | "runtime";
  /** Id of the container or pod; empty for the runtime. */
  id: string;
}

/** Why it is not known whether an image is needed. */
export interface UnknownUse {
  user: ImageUser;
  error: unknown;
}

/** Which images are needed. */
export interface ImagesInUse {
  /** What needs an image, by its id. */
  readonly users: ReadonlyMap<string, readonly ImageUser[]>;
  /** What may need any image, since it could not be found out which. */
  readonly unknown: readonly UnknownUse[];
}

/** A name by which something speaks of an image. */
interface Use {
  user: ImageUser;
  /** Every name that it gives the image; each of them counts. */
  names: readonly string[];
}

const MAX_INFO_BYTES = 16 * 1024 * 1024;

/** Finds what needs which of the images. */
export async function findImagesInUse(
  cri: Pick<CriConnection, "runtime" | "image">,
  images: readonly Image[],
  { parallel, ...call }: CriCallOptions & { parallel: number },
): Promise<ImagesInUse> {
  const unknown: UnknownUse[] = [];
  const uses = [
    ...(await containerUses(cri, unknown, parallel, call)),
    ...(await podUses(cri, unknown, parallel, call)),
    ...(await runtimeUses(cri, call)),
  ];
  const resolve = resolver(cri, images, call);
  const users = new Map<string, ImageUser[]>();
  await mapParallel(uses, parallel, async ({ user, names }) => {
    try {
      for (const id of await resolve(names)) users.set(id, [...(users.get(id) ?? []), user]);
    } catch (error) {
      call.signal?.throwIfAborted();
      unknown.push({ user, error });
    }
  });
  return { users, unknown };
}

/** From names to ids of listed images. Names that no listed image has are looked up, each once. */
function resolver(
  cri: Pick<CriConnection, "image">,
  images: readonly Image[],
  call: CriCallOptions,
): (names: readonly string[]) => Promise<Set<string>> {
  const byName = new Map<string, string[]>();
  for (const image of images) {
    for (const name of namesOfImage(image)) byName.set(name, [...(byName.get(name) ?? []), image.id]);
  }
  const lookups = new Map<string, Promise<string | undefined>>();
  const lookUp = async (name: string) => {
    const request = { image: { image: name } };
    const found = lookups.get(name) ?? cri.image.imageStatus(request, call).then(({ image }) => image?.id);
    lookups.set(name, found);
    return found;
  };
  return async (names) => {
    const ids = new Set<string>();
    const failures: unknown[] = [];
    for (const name of names) {
      try {
        const found = byName.get(name) ?? [await lookUp(name)];
        for (const id of found) if (id !== undefined) ids.add(id);
      } catch (error) {
        failures.push(error);
      }
    }
    // One name that is known is enough; with none, it may be any image.
    if (ids.size === 0 && failures.length > 0) throw failures[0];
    return ids;
  };
}

/** The images of all containers and of their mounts. A container that has gone meanwhile needs none. */
async function containerUses(
  cri: Pick<CriConnection, "runtime">,
  unknown: UnknownUse[],
  parallel: number,
  call: CriCallOptions,
): Promise<Use[]> {
  const uses: Use[] = [];
  const ids: string[] = [];
  for await (const container of iterateContainers(cri, {}, call)) {
    ids.push(container.id);
    uses.push({ user: { kind: "container", id: container.id }, names: namesUsedBy(container) });
  }
  await mapParallel(ids, parallel, async (id) => {
    const user: ImageUser = { kind: "mount", id };
    const status = await attempt(user, unknown, call, () =>
      cri.runtime.containerStatus({ containerId: id }, call),
    );
    for (const { image } of status?.status?.mounts ?? []) {
      const names = [image?.image ?? "", image?.imageRef ?? ""].filter((name) => name !== "");
      if (names.length > 0) uses.push({ user, names });
    }
  });
  return uses;
}

/** The images that pods themselves run on, where the runtime says which. */
async function podUses(
  cri: Pick<CriConnection, "runtime">,
  unknown: UnknownUse[],
  parallel: number,
  call: CriCallOptions,
): Promise<Use[]> {
  const ids: string[] = [];
  for await (const { id } of iteratePodSandboxes(cri, {}, call)) ids.push(id);
  const uses: Use[] = [];
  await mapParallel(ids, parallel, async (id) => {
    const user: ImageUser = { kind: "pod", id };
    const request = { podSandboxId: id, verbose: true };
    const status = await attempt(user, unknown, call, () => cri.runtime.podSandboxStatus(request, call));
    const image = textIn(status?.info ?? {}, "info", "image");
    if (image !== undefined) uses.push({ user, names: [image] });
  });
  return uses;
}

/** The image that the next pod will run on, where the runtime says which. */
async function runtimeUses(cri: Pick<CriConnection, "runtime">, call: CriCallOptions): Promise<Use[]> {
  const { info } = await cri.runtime.status({ verbose: true }, call);
  const image = textIn(info, "config", "sandboxImage");
  return image === undefined ? [] : [{ user: { kind: "runtime", id: "" }, names: [image] }];
}

async function attempt<T>(
  user: ImageUser,
  unknown: UnknownUse[],
  { signal }: CriCallOptions,
  ask: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof CriError && error.code === "ERR_CRI_NOT_FOUND")) unknown.push({ user, error });
    return undefined;
  }
}

/** A text in a JSON object among verbose information; undefined if it is not there. */
function textIn(info: Readonly<Record<string, string>>, name: string, member: string): string | undefined {
  const json = Object.hasOwn(info, name) ? info[name] : undefined;
  if (json === undefined) return undefined;
  try {
    const found = members(parseJson(json, { maxBytes: MAX_INFO_BYTES, duplicateKeys: "keep" })).findLast(
      ({ key }) => key === member,
    );
    return found?.value.kind === "string" && found.value.value !== "" ? found.value.value : undefined;
  } catch (error) {
    // Where runtimes fail to write the information, they put an error text there.
    if (error instanceof CoreError) return undefined;
    throw error;
  }
}
