import type { ScheduleOptions } from "./schedule.ts";
export function playSoak(_o: ScheduleOptions & { minutes: number; seed: number }): Promise<number> {
  throw new Error("todo");
}
