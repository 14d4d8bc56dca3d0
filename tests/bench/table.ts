/** One measurement, and how it compares with the best that is possible. */
export interface Row {
  readonly name: string;
  readonly events: number;
  readonly eventsPerSecond: number;
  readonly cpuMicrosecondsPerEvent: number;
  readonly peakRssMegabytes: number;
  /** Name of the row that this one is compared with. */
  readonly ceiling?: string;
  /** Events a second by those of the ceiling. */
  readonly ratio?: number;
}

const HEAD = ["", "events/s", "CPU µs/event", "peak MB", "ratio"];

/** The rows as a table of text, a line each. */
export function formatTable(rows: readonly Row[]): string {
  const cells = [
    HEAD,
    ...rows.map((row) => [
      row.name,
      Math.round(row.eventsPerSecond).toLocaleString("en"),
      row.cpuMicrosecondsPerEvent.toFixed(1),
      row.peakRssMegabytes.toFixed(0),
      row.ratio === undefined ? "" : row.ratio.toFixed(2),
    ]),
  ];
  const widths = HEAD.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  return cells
    .map((row) =>
      row.map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)
      ).join("  ")
    )
    .join("\n");
}
