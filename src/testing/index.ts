export * from "./programs.ts";
