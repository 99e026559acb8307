/** An eStargz layer, made as the format describes it: nothing of the product reads or writes it here. */
import { crc32, gzipSync } from "node:zlib";
import { digestOf } from "../../../../src/core/digest.ts";
import { OCI_LAYER_GZIP } from "../../../../src/core/media-types.ts";
import { type Descriptor, describeContent } from "../../../../src/oci/descriptor.ts";
import { archive, entryBytes } from "./archive.ts";

/** The first chunk of the file `big`. */
export const FIRST = "first chunk of big";
/** The second chunk of it. */
export const REST = "and the rest";

/** The layer, with a descriptor that names its table of contents. */
export interface StargzSample {
  blob: Buffer;
  descriptor: Descriptor;
  toc: string;
}

/** A layer as the format describes it: a member for each header and each chunk, the table, the footer. */
export function makeStargz({
  legacy = false,
  change = (toc: string): string => toc,
}: {
  legacy?: boolean;
  change?: (toc: string) => string;
} = {}): StargzSample {
  const members: Buffer[] = [];
  let length = 0;
  const add = (content: Buffer | string) => {
    const start = length;
    const member = gzipSync(content);
    members.push(member);
    length += member.length;
    return start;
  };
  const header = (name: string, content: string) => entryBytes({ name, content }).subarray(0, 512);
  const padding = (content: string) => Buffer.alloc(512 - content.length);
  add(Buffer.concat([entryBytes({ name: "dir/" }), header("dir/small", "small")]));
  const small = add("small");
  add(Buffer.concat([padding("small"), header("big", FIRST + REST)]));
  const big = add(FIRST);
  const rest = add(REST);
  add(Buffer.concat([padding(FIRST + REST), header("one", "1")]));
  // Two chunks in one member: told apart by their place in it.
  const shared = add(Buffer.concat([Buffer.from("1"), padding("1"), header("two", "22"), Buffer.from("22")]));
  add(Buffer.concat([padding("22"), entryBytes({ name: "link", type: "1", link: "big" })]));
  const toc = change(
    JSON.stringify({
      version: 1,
      entries: [
        {
          name: "dir/",
          type: "dir",
          mode: 0o755,
          modtime: "2020-01-02T03:04:05Z",
          xattrs: { "user.a": "AQI=" },
        },
        {
          name: "dir/small",
          type: "reg",
          size: 5,
          offset: small,
          digest: digestOf("small"),
          chunkDigest: digestOf("small"),
        },
        {
          name: "big",
          type: "reg",
          size: 30,
          offset: big,
          chunkSize: 18,
          digest: digestOf(FIRST + REST),
          chunkDigest: digestOf(FIRST),
        },
        {
          name: "big",
          type: "chunk",
          offset: rest,
          chunkOffset: 18,
          chunkSize: 12,
          chunkDigest: digestOf(REST),
        },
        { name: "one", type: "reg", size: 1, offset: shared, chunkDigest: digestOf("1") },
        { name: "two", type: "reg", size: 2, offset: shared, innerOffset: 1024, chunkDigest: digestOf("22") },
        { name: "link", type: "hardlink", linkName: "big" },
        { name: "empty", type: "reg" },
      ],
    }),
  );
  const start = add(archive({ name: "stargz.index.json", content: toc }));
  const blob = Buffer.concat([...members, stargzFooter(start, legacy)]);
  const annotations = { "containerd.io/snapshot/stargz/toc.digest": digestOf(toc) };
  return { blob, toc, descriptor: { ...describeContent(blob, OCI_LAYER_GZIP), annotations } };
}

/** The last bytes of such a layer: where its table begins. */
export function stargzFooter(tocStart: number, legacy: boolean): Buffer {
  const mark = `${tocStart.toString(16).padStart(16, "0")}STARGZ`;
  const extra = Buffer.from(legacy ? mark : `SG\x16\0${mark}`, "latin1");
  const head = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, extra.length, 0]);
  return Buffer.concat([head, extra, Buffer.from([1, 0, 0, 0xff, 0xff]), Buffer.alloc(8, crc32(""))]);
}
