import type { ScheduleOptions } from "./schedule.ts";
export function playKills(_o: ScheduleOptions & { kills: number; seed: number }): Promise<number> {
  throw new Error("todo");
}
