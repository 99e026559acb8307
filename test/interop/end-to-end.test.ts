/**
 * The main job against real parts: a signed image with a profile in docker-registry, the verdict on it, the profile
 * that a container of it gets, and containerd and runc doing with system calls what was foretold.
 */
import assert from "node:assert/strict";
import { existsSync, globSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { digestOf } from "../../src/core/digest.ts";
import { parseJson, toPlain } from "../../src/core/strict-json.ts";
import {
  type CriConnection,
  connectCri,
  readContainerInfo,
  SecurityProfile_ProfileType,
} from "../../src/cri/index.ts";
import { createArtifactSource, createRegistry, fetchManifest, type Registry } from "../../src/oci/index.ts";
import { createVerifier, parsePolicy, sigstoreAttachments, type Verdict } from "../../src/policy/index.ts";
import {
  fetchProfileArtifact,
  formatSeccomp,
  type LinuxSeccomp,
  parseProfile,
  resolveSeccomp,
  toRuntimeSpec,
} from "../../src/seccomp/index.ts";
import { createAuthorities, DEFAULT_OIDC_ISSUER } from "../../src/testing/index.ts";
import { type Containerd, startContainerd, whyNoContainerd } from "./containerd.ts";
import { hostArchitecture } from "./images.ts";
import { needs } from "./parts.ts";
import { waitUntil } from "./process.ts";
import {
  ALLOW_LIST,
  CALLS,
  DENY_LIST,
  decisionOn,
  exitCodeOf,
  outcomeOf,
  type TestProfile,
} from "./profiles.ts";
import { type DockerRegistry, startDockerRegistry, whyNoDockerRegistry } from "./registry.ts";
import { type PublishedStory, publishStory } from "./story.ts";

const EMAIL = "dev@example.com";
const PROFILE_ANNOTATION = "seccomp-profile.crio.io";
/** What containerd gives a container that asks for nothing. */
const DEFAULT_CAPABILITIES = [
  "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FSETID CAP_FOWNER CAP_MKNOD CAP_NET_RAW CAP_SETGID CAP_SETUID CAP_SETFCAP",
  "CAP_SETPCAP CAP_NET_BIND_SERVICE CAP_SYS_CHROOT CAP_KILL CAP_AUDIT_WRITE",
]
  .join(" ")
  .split(" ");

describe("a signed image with a profile", needs(whyNoContainerd(), whyNoDockerRegistry()), () => {
  const authorities = createAuthorities();
  const cleanups: (() => Promise<void>)[] = [];
  let docker: DockerRegistry;
  let containerd: Containerd;
  let registry: Registry;
  let cri: CriConnection;
  let story: PublishedStory;

  before(async () => {
    docker = await startDockerRegistry();
    cleanups.push(docker.stop);
    containerd = await startContainerd({ registryHosts: [docker.host] });
    cleanups.push(containerd.stop);
    registry = createRegistry();
    cleanups.push(registry.close);
    cri = await connectCri({ endpoint: containerd.socket });
    cleanups.push(cri.close);
    story = await publishStory(registry, docker.host, { authorities, email: EMAIL });
  });

  after(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  });

  function evaluate(reference: string, email = EMAIL): Promise<Verdict> {
    const requirement = {
      type: "sigstoreSigned",
      fulcio: {
        caData: Buffer.from(authorities.rootPem).toString("base64"),
        oidcIssuer: DEFAULT_OIDC_ISSUER,
        subjectEmail: email,
      },
      rekorPublicKeyData: Buffer.from(authorities.logPublicKeyPem).toString("base64"),
      signedIdentity: { type: "matchRepository" },
    };
    const policy = {
      default: [{ type: "reject" }],
      transports: { docker: { [docker.host]: [requirement] } },
    };
    const verifier = createVerifier(parsePolicy(JSON.stringify(policy)), {
      source: registry,
      signatureSources: [sigstoreAttachments()],
    });
    return verifier.evaluate(reference);
  }

  test("the image is allowed, and the verdict is about its digest", async () => {
    const verdict = await evaluate(`${story.app}:v1`);
    assert.equal(verdict.kind, "allowed");
    assert.equal(verdict.digest, story.image.digest);
    assert.deepEqual(verdict.scope, { kind: "scope", transport: "docker", scope: docker.host });
    const [signature] = verdict.requirements[0]?.signatures ?? [];
    assert.ok(signature?.kind === "accepted");
    assert.deepEqual([signature.dockerReference, signature.digest], [story.app, story.payloadDigest]);
  });

  test("another e-mail, and another image, are rejected in the words of CRI-O", async () => {
    const other = await evaluate(`${story.app}:v1`, "other@example.com");
    assert.ok(other.kind === "rejected");
    const reason = `Required email "other@example.com" not found (got ["${EMAIL}"])`;
    assert.equal(other.message, `Source image rejected: ${reason}`);
    assert.equal(other.criError, `SignatureValidationFailed: Source image rejected: ${reason}`);
    for (const reference of [`${story.app}:unsigned`, `${story.unsigned}:v1`]) {
      const verdict = await evaluate(reference);
      assert.ok(verdict.kind === "rejected");
      assert.equal(
        verdict.criError,
        "SignatureValidationFailed: Source image rejected: A signature was required, but no signature exists",
      );
    }
  });

  test("what is changed in the registry's storage gives no verdict until it is changed back", async () => {
    const { image, signatures, payloadDigest } = story;
    const flip = (bytes: Buffer): Buffer => {
      const changed = Buffer.from(bytes);
      const at = changed.lastIndexOf("a");
      changed[at] = 0x62;
      return changed;
    };
    const cases = [
      [image.digest, flip, "ERR_POLICY_MANIFEST"],
      [signatures.digest, flip, "ERR_POLICY_SIGNATURES"],
      [payloadDigest, flip, "ERR_POLICY_SIGNATURES"],
      [payloadDigest, (bytes: Buffer) => Buffer.concat([bytes, Buffer.from(" ")]), "ERR_POLICY_SIGNATURES"],
      [payloadDigest, (bytes: Buffer) => bytes.subarray(0, -1), "ERR_POLICY_SIGNATURES"],
      [payloadDigest, () => Buffer.alloc(0), "ERR_POLICY_SIGNATURES"],
    ] as const;
    for (const [digest, change, code] of cases) {
      const file = docker.blobFile(digest);
      const content = await readFile(file);
      assert.equal(digestOf(content), digest);
      assert.notDeepEqual(change(content), content);
      await writeFile(file, change(content));
      await assert.rejects(evaluate(`${story.app}:v1`), { code });
      await writeFile(file, content);
      assert.equal((await evaluate(`${story.app}:v1`)).kind, "allowed");
    }
  });

  /** The profile of a container on a CRI-O node, from the registry, verified as an image would be. */
  async function profileOf(container: string): Promise<LinuxSeccomp> {
    const { repository, descriptor } = await registry.resolve(`${story.app}@${story.image.digest}`);
    const { annotations = {} } = (await fetchManifest(repository, descriptor)).value;
    const choice = resolveSeccomp({
      pod: { metadata: { annotations: { [`${PROFILE_ANNOTATION}/strict`]: story.allowList } } },
      container: { name: container },
      imageAnnotations: annotations,
      runtime: { kind: "cri-o", allowedAnnotations: [PROFILE_ANNOTATION] },
    });
    assert.ok(choice.kind === "artifact");
    const artifact = await fetchProfileArtifact(choice.reference, {
      source: createArtifactSource(registry),
      strict: true,
      check: async ({ manifest }) => {
        const verdict = await evaluate(choice.reference);
        assert.deepEqual([verdict.kind, verdict.digest], ["allowed", manifest.digest]);
      },
    });
    const spec = toRuntimeSpec(parseProfile(artifact.profile), {
      arch: hostArchitecture(),
      capabilities: DEFAULT_CAPABILITIES,
    });
    assert.ok(spec);
    return spec;
  }

  const containers: readonly [name: string, profile: TestProfile][] = [
    ["app", DENY_LIST],
    ["strict", ALLOW_LIST],
  ];

  for (const [name, profile] of containers) {
    test(`the profile of container ${name} comes from its artifact, and foretells every call`, async () => {
      const spec = await profileOf(name);
      for (const [program, call] of Object.entries(CALLS)) {
        const decision = decisionOn(spec, call, hostArchitecture());
        assert.equal(outcomeOf(decision), profile.outcomes[program], program);
        assert.deepEqual(decision.caveats, [], program);
      }
      assert.deepEqual(Object.keys(profile.outcomes), Object.keys(CALLS));
    });
  }

  test("an artifact that is not signed is refused before its layer is read", async () => {
    const refusal = new Error("not signed");
    const options = {
      source: createArtifactSource(registry),
      check: async () => {
        const { kind } = await evaluate(story.unsignedProfile);
        if (kind !== "allowed") throw refusal;
      },
    };
    await assert.rejects(fetchProfileArtifact(story.unsignedProfile, options), (error) => error === refusal);
  });

  test("the image is pulled by the digest of the verdict, wherever its tag has moved since", async () => {
    const repository = registry.repository(story.app);
    const verdict = await evaluate(`${story.app}:v1`);
    assert.equal(verdict.kind, "allowed");
    await repository.tag(story.unsignedImage, "v1");
    assert.equal((await evaluate(`${story.app}:v1`)).kind, "rejected");
    const image = `${story.app}@${verdict.digest}`;
    const { imageRef } = await cri.image.pullImage({ image: { image } });
    await repository.tag(story.image, "v1");
    assert.equal(imageRef, story.configDigest);
    const status = await cri.image.imageStatus({ image: { image } });
    assert.equal(status.image?.id, story.configDigest);
    assert.deepEqual(status.image?.repoDigests, [image]);
  });

  /** Starts a container of the signed image under a filter, or without one; gives its id. */
  async function startContainer(
    name: string,
    spec: LinuxSeccomp | null,
    noNewPrivs: boolean,
  ): Promise<string> {
    const file = join(containerd.folder, `${name}.json`);
    if (spec) await writeFile(file, formatSeccomp(spec));
    const seccomp = spec
      ? { profileType: SecurityProfile_ProfileType.Localhost, localhostRef: file }
      : { profileType: SecurityProfile_ProfileType.Unconfined };
    const sandboxConfig = {
      metadata: { name: `pod-of-${name}`, uid: name, namespace: "default" },
      logDirectory: join(containerd.folder, "logs"),
      linux: {},
    };
    const { podSandboxId } = await cri.runtime.runPodSandbox({ config: sandboxConfig });
    const config = {
      metadata: { name },
      image: { image: `${story.app}@${story.image.digest}` },
      logPath: `${name}.log`,
      linux: { securityContext: { noNewPrivs, seccomp } },
    };
    const { containerId } = await cri.runtime.createContainer({ podSandboxId, sandboxConfig, config });
    await cri.runtime.startContainer({ containerId });
    return containerId;
  }

  /** The exit code of every program, run in a container. */
  async function runPrograms(containerId: string): Promise<Record<string, number>> {
    const exitCodes: Record<string, number> = {};
    for (const program of Object.keys(CALLS)) {
      const answer = await cri.runtime.execSync({ containerId, cmd: [`/bin/${program}`], timeout: 10n });
      // Where the program itself could not be run there is text.
      assert.equal(`${Buffer.from(answer.stdout)}${Buffer.from(answer.stderr)}`, "", program);
      exitCodes[program] = answer.exitCode;
    }
    return exitCodes;
  }

  test("without a filter the kernel answers as its manual says", async () => {
    const containerId = await startContainer("open", null, false);
    const info = readContainerInfo(await cri.runtime.containerStatus({ containerId, verbose: true }));
    assert.equal((info.runtimeSpec as { linux: { seccomp?: unknown } }).linux.seccomp, undefined);
    const unfiltered = Object.entries(CALLS).map(([program, call]) => [program, call.unfiltered]);
    assert.deepEqual(await runPrograms(containerId), Object.fromEntries(unfiltered));
  });

  for (const [name, { noNewPrivs }] of containers) {
    test(`container ${name} runs with exactly the profile, and does what was foretold`, async () => {
      const spec = await profileOf(name);
      const containerId = await startContainer(name, spec, noNewPrivs);
      const info = readContainerInfo(await cri.runtime.containerStatus({ containerId, verbose: true }));
      const { linux, process: settings } = info.runtimeSpec as {
        linux: { seccomp: unknown };
        process: { noNewPrivileges?: boolean; capabilities: { bounding: string[] } };
      };
      assert.deepEqual(linux.seccomp, toPlain(parseJson(formatSeccomp(spec))));
      assert.deepEqual(new Set(settings.capabilities.bounding), new Set(DEFAULT_CAPABILITIES));
      assert.equal(settings.noNewPrivileges ?? false, noNewPrivs);
      const foretold = Object.entries(CALLS).map(([program, call]) => {
        return [program, exitCodeOf(outcomeOf(decisionOn(spec, call, hostArchitecture())), call)];
      });
      assert.deepEqual(await runPrograms(containerId), Object.fromEntries(foretold));
    });
  }

  test("nothing is left of the pods, and nothing of the daemons", async () => {
    const { items } = await cri.runtime.listPodSandbox({});
    assert.equal(items.length, 1 + containers.length);
    const { containers: made } = await cri.runtime.listContainers({});
    const ids = [...items, ...made].map(({ id }) => id);
    const cgroups = () => ids.flatMap((id) => globSync(`/sys/fs/cgroup/{,*/}k8s.io/${id}`));
    assert.ok(containerd.remains().length > 0 && cgroups().length > 0);
    for (const { id } of items) {
      await cri.runtime.stopPodSandbox({ podSandboxId: id });
      await cri.runtime.removePodSandbox({ podSandboxId: id });
    }
    assert.deepEqual((await cri.runtime.listPodSandbox({})).items, []);
    assert.deepEqual((await cri.runtime.listContainers({})).containers, []);
    await waitUntil(() => assert.deepEqual([...containerd.remains(), ...cgroups()], []));
    await containerd.stop();
    assert.deepEqual(containerd.remains(), []);
    assert.equal(existsSync(containerd.folder), false);
  });
});
