/** Renders the `<buffer>` of an output that sends what it has every few seconds. */
export function renderFileBuffer(path: string, keys = ""): string {
  return `  <buffer${keys === "" ? "" : ` ${keys}`}>
    @type file
    path ${path}
    flush_mode interval
    flush_interval 5s
    flush_at_shutdown true
    chunk_limit_size 16m
    total_limit_size 8g
    overflow_action throw_exception
    retry_forever true
    retry_max_interval 30s
  </buffer>
`;
}
