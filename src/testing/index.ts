export * from "./cri-runtime.ts";
export * from "./programs.ts";
