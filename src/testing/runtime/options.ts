/**
 * What can be said of the in-process runtime at its start.
 *
 * @module
 */
import type { Duplex } from "node:stream";
import type { SignalOptions } from "../../core/signal.ts";
import type { AuthConfig, CriApiVersion } from "../../cri/index.ts";
import type { StartStreamingServerOptions } from "../streaming/types.ts";
import type { KnownImage } from "./image-types.ts";
import type { RuntimeProgram } from "./program-types.ts";
import type { CriRelease } from "./releases.ts";

/** Whose manners a runtime has: its version, its verbose information, the statuses and texts of its errors. */
export type RuntimeFlavor = "containerd" | "cri-o";

/** What a runtime does when the time of an ExecSync is over. */
export type ExecSyncTimeout =
  /** Fails with DEADLINE_EXCEEDED, as containerd. */
  | "deadline-exceeded"
  /** Answers with exit code 137 and no error, as containerd 1.6 does now and then. */
  | "exit-137"
  /** Answers with exit code -1 and `command timed out` on stderr, as CRI-O. */
  | "exit-minus-one";

/** How a runtime answers a subscription to its events. */
export type EventsMode =
  /** Sends them to every subscriber. */
  | "on"
  /** Ends the stream at once without an error, as CRI-O does unless `enable_pod_events` is set. */
  | "ends-at-once"
  /** Says that it does not have the function, as containerd 1.6. */
  | "unimplemented";

/** How the in-process runtime serves exec, attach and port-forward. */
export type RuntimeStreamingOptions = Omit<
  StartStreamingServerOptions,
  "exec" | "attach" | "portForward" | "now"
>;

/** Options of {@link startCriRuntime}. */
export interface StartCriRuntimeOptions {
  /** Whose manners the runtime has. Default `"containerd"`. */
  flavor?: RuntimeFlavor | undefined;
  /**
   * The release of the interface that the runtime was built against: it has the RPCs that containerd or CRI-O of that
   * time had, and calls itself so. Fields that came later are still sent. Default: the newest, with all RPCs.
   */
  release?: CriRelease | undefined;
  /** RPCs that the runtime does not know, such as `"RuntimeService/GetContainerEvents"`. */
  omit?: readonly string[] | undefined;
  /** Packages to serve. Default `["v1"]`. */
  apiVersions?: readonly CriApiVersion[] | undefined;
  /** Absolute path of the socket. Default: in the runtime's own folder. */
  socketPath?: string | undefined;
  /** Largest request and largest answer in bytes. Default 16 MiB (16777216), or 80 MiB with the manners of CRI-O. */
  maxMessageBytes?: number | undefined;
  /** Programs by name, besides those of {@link defaultPrograms} or in their place. */
  programs?: Readonly<Record<string, RuntimeProgram>> | undefined;
  /** Images that can be pulled, or are there. Default: {@link defaultImages}. */
  images?: readonly KnownImage[] | undefined;
  /**
   * Finds an image that is none of `images` when it is to be pulled, by its full name; undefined if there is none. A
   * rejection fails the pull, with NOT_FOUND for `ERR_OCI_NOT_FOUND` and else UNKNOWN. See {@link imageFromRegistry}.
   */
  resolveImage?:
    | ((
        name: string,
        auth: AuthConfig | undefined,
        options: SignalOptions,
      ) => Promise<KnownImage | undefined>)
    | undefined;
  /** Runtime handlers besides the default one, which has the name `""`. Default `["runc"]`. */
  handlers?: readonly string[] | undefined;
  /** Default `"on"`. */
  events?: EventsMode | undefined;
  /** Default: by flavor. */
  execSyncTimeout?: ExecSyncTimeout | undefined;
  /** Items in each message of a streamed list. Default 100. */
  listBatchSize?: number | undefined;
  /** The addresses of the nth pod, the first for its status. Default IPv4 addresses of `10.88.0.0/16`. */
  podIps?: ((index: number) => readonly string[]) | undefined;
  /** The present time in nanoseconds since 1970. Default: the clock of the machine. Programs wait on real timers. */
  now?: (() => bigint) | undefined;
  /** How exec, attach and port-forward are served. */
  streaming?: RuntimeStreamingOptions | undefined;
  /**
   * Serves a connection to a port of a pod until it has ended; a rejection is told to the client. Default: connects
   * to that port of 127.0.0.1.
   */
  onConnect?: ((podSandboxId: string, port: number, connection: Duplex) => Promise<void>) | undefined;
}
