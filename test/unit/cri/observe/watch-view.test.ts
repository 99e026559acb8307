import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  ContainerEventResponseSchema,
  ContainerEventType,
  ContainerSchema,
  ContainerState,
  PodSandboxSchema,
  PodSandboxState,
} from "../../../../src/cri/index.ts";
import {
  applyEvent,
  applyLists,
  createWatchState,
  type WatchState,
} from "../../../../src/cri/observe/watch-view.ts";

const CREATED = ContainerEventType.CONTAINER_CREATED_EVENT;
const STARTED = ContainerEventType.CONTAINER_STARTED_EVENT;
const STOPPED = ContainerEventType.CONTAINER_STOPPED_EVENT;
const DELETED = ContainerEventType.CONTAINER_DELETED_EVENT;
const { CONTAINER_RUNNING, CONTAINER_EXITED, CONTAINER_UNKNOWN } = ContainerState;

type Init = Pick<
  MessageInitShape<typeof ContainerEventResponseSchema>,
  "podSandboxStatus" | "containersStatuses"
>;

function apply(state: WatchState, type: ContainerEventType, containerId: string, init: Init = {}) {
  return applyEvent(
    state,
    create(ContainerEventResponseSchema, { ...init, containerId, containerEventType: type }),
  );
}

const container = (id: string, state: ContainerState, createdAt = 1n) =>
  create(ContainerSchema, { id, podSandboxId: "p", state, createdAt });
const pod = (id: string, state: PodSandboxState = PodSandboxState.SANDBOX_READY) =>
  create(PodSandboxSchema, { id, state });

test("what a list has no more is gone for late events too", () => {
  const state = createWatchState();
  applyLists(state, [pod("p")], [container("c", CONTAINER_RUNNING)]);
  assert.deepEqual(
    applyLists(state, [], []).map(({ kind, before }) => [kind, before?.id]),
    [
      ["container", "c"],
      ["pod", "p"],
    ],
  );
  for (const type of [STARTED, STOPPED, DELETED]) {
    assert.deepEqual(apply(state, type, "c", { podSandboxStatus: { id: "p" } }), { kind: "nothing" });
    assert.deepEqual(apply(state, type, "p", { podSandboxStatus: { id: "p" } }), { kind: "nothing" });
  }
});

test("a pod takes its containers along, and neither comes back with late events", () => {
  const state = createWatchState();
  const other = create(ContainerSchema, { id: "other", podSandboxId: "q" });
  const containers = [container("b", CONTAINER_RUNNING, 2n), container("a", CONTAINER_RUNNING, 1n), other];
  applyLists(state, [pod("p"), pod("q")], containers);
  const news = apply(state, DELETED, "p");
  assert.ok(news.kind === "news" && news.subject === "pod");
  assert.deepEqual(
    news.changes.map(({ kind, before, after }) => [kind, before?.id, after]),
    [
      ["container", "a", undefined],
      ["container", "b", undefined],
      ["pod", "p", undefined],
    ],
  );
  for (const id of ["a", "unheard-of"]) {
    for (const type of [STARTED, STOPPED, DELETED]) {
      assert.deepEqual(apply(state, type, id, { podSandboxStatus: { id: "p" } }), { kind: "nothing" });
    }
  }
  assert.deepEqual([...state.pods.keys(), ...state.containers.keys()], ["q", "other"]);
});

test("a container that a list has without its pod stays until its own end", () => {
  const state = createWatchState();
  applyLists(state, [pod("p")], []);
  applyLists(state, [], [container("c", CONTAINER_RUNNING)]);
  const news = apply(state, STOPPED, "c", { podSandboxStatus: { id: "p" } });
  assert.ok(news.kind === "news" && news.changes.length === 1);
  assert.equal(state.pods.size, 0);
  assert.equal(apply(state, DELETED, "c", { podSandboxStatus: { id: "p" } }).kind, "news");
  assert.equal(state.containers.size, 0);
});

test("a list brings back what it has", () => {
  const state = createWatchState();
  applyLists(state, [], [container("c", CONTAINER_RUNNING)]);
  applyLists(state, [], []);
  assert.equal(applyLists(state, [], [container("c", CONTAINER_RUNNING)]).length, 1);
  assert.equal(apply(state, STOPPED, "c").kind, "news");
});

test("an event moves no state back", () => {
  const state = createWatchState();
  const young = { containersStatuses: [{ id: "c", state: CONTAINER_EXITED, exitCode: 4 }] };
  apply(state, CREATED, "c", young);
  assert.equal(state.containers.get("c")?.status?.exitCode, 4);
  apply(state, STARTED, "c", { containersStatuses: [{ id: "c", state: CONTAINER_RUNNING }] });
  assert.equal(state.containers.get("c")?.state, CONTAINER_EXITED);
  apply(state, STOPPED, "p", { podSandboxStatus: { id: "p", state: PodSandboxState.SANDBOX_READY } });
  assert.equal(state.pods.get("p")?.state, PodSandboxState.SANDBOX_NOTREADY);
  apply(state, CREATED, "d", { podSandboxStatus: { id: "p", state: PodSandboxState.SANDBOX_READY } });
  assert.equal(state.pods.get("p")?.state, PodSandboxState.SANDBOX_NOTREADY);
});

test("a pod stops by its own event also without a status", () => {
  const state = createWatchState();
  applyLists(state, [pod("p")], []);
  const news = apply(state, STOPPED, "p");
  assert.ok(news.kind === "news" && news.subject === "pod");
  assert.equal(state.pods.get("p")?.state, PodSandboxState.SANDBOX_NOTREADY);
});

test("the end of what nobody has heard of is no news", () => {
  const state = createWatchState();
  assert.equal(apply(state, DELETED, "c").kind, "nothing");
  assert.equal(apply(state, CREATED, "c").kind, "nothing");
});

test("a state that the runtime does not know gives way to the next event", () => {
  const state = createWatchState();
  applyLists(state, [], [container("c", CONTAINER_RUNNING)]);
  const [change] = applyLists(state, [], [container("c", CONTAINER_UNKNOWN)]);
  assert.equal(change?.after?.state, CONTAINER_UNKNOWN);
  assert.equal(apply(state, STARTED, "c").kind, "nothing");
  const unknown = { containersStatuses: [{ id: "c", state: CONTAINER_UNKNOWN }] };
  assert.equal(apply(state, STOPPED, "c", unknown).kind, "news");
  assert.equal(state.containers.get("c")?.state, CONTAINER_EXITED);
});

test("a list keeps the status of a container whose state it confirms, and no other", () => {
  const state = createWatchState();
  apply(state, STARTED, "c", { containersStatuses: [{ id: "c", state: CONTAINER_RUNNING, logPath: "l" }] });
  assert.deepEqual(applyLists(state, [], [container("c", CONTAINER_RUNNING)]), []);
  assert.equal(state.containers.get("c")?.status?.logPath, "l");
  applyLists(state, [], [container("c", CONTAINER_EXITED)]);
  assert.equal(state.containers.get("c")?.status, undefined);
});

test("differences come in the order of age", () => {
  const state = createWatchState();
  const changes = applyLists(
    state,
    [pod("p")],
    [container("b", CONTAINER_RUNNING, 2n), container("z", CONTAINER_RUNNING, 1n), container("a", 0, 2n)],
  );
  assert.deepEqual(
    changes.map(({ after }) => after?.id),
    ["p", "z", "a", "b"],
  );
});

test("what is gone is not remembered without end", () => {
  const state = createWatchState();
  for (let at = 0; at < 10_050; at++) apply(state, DELETED, `c${at}`);
  assert.equal(state.gone.size, 10_000);
  assert.equal(state.told.size, 0);
  assert.ok(state.gone.has("c10049") && !state.gone.has("c0"));
});
