import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import {
  ContainerConfigSchema,
  ContainerState,
  PodSandboxConfigSchema,
  PodSandboxState,
} from "../../../../src/cri/index.ts";
import {
  createContainer,
  removeContainer,
  startContainer,
} from "../../../../src/testing/runtime/container-life.ts";
import { createWorld } from "../../../../src/testing/runtime/create-world.ts";
import { defaultImages } from "../../../../src/testing/runtime/image-types.ts";
import type { ContainerRecord, SandboxRecord } from "../../../../src/testing/runtime/state.ts";
import type { RuntimeWorld } from "../../../../src/testing/runtime/world.ts";

function createOne(): { world: RuntimeWorld; container: ContainerRecord } {
  const world = createWorld({}, "/nowhere");
  const sandbox: SandboxRecord = {
    id: "pod",
    config: create(PodSandboxConfigSchema, { metadata: { name: "web" } }),
    handler: "",
    createdAt: 0n,
    pid: 1,
    ips: [],
    state: PodSandboxState.SANDBOX_READY,
    overhead: undefined,
    resources: undefined,
  };
  const config = create(ContainerConfigSchema, {
    metadata: { name: "app" },
    image: { image: defaultImages()[0]?.name ?? "" },
    command: ["sleep", "infinity"],
  });
  return { world, container: createContainer(world, sandbox, config) };
}

test("a container that is being removed is not started any more, however few turns its removal takes", async () => {
  for (let turns = 0; turns < 8; turns++) {
    const { world, container } = createOne();
    const removed = removeContainer(world, container);
    for (let turn = 0; turn < turns; turn++) await undefined;
    await assert.rejects(startContainer(world, container), /in removing state|not found/);
    await removed;
    assert.equal(container.process, undefined);
    assert.equal(world.state.containers.size, 0);
  }
});

test("a container that is removed while it starts ends", async () => {
  for (let turns = 0; turns < 8; turns++) {
    const { world, container } = createOne();
    const started = startContainer(world, container);
    for (let turn = 0; turn < turns; turn++) await undefined;
    await removeContainer(world, container);
    await started;
    assert.equal(container.state, ContainerState.CONTAINER_EXITED);
    assert.equal(container.process?.signal.aborted, true);
  }
});
